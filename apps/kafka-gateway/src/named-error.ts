// A Kafka error as handlers and checks pass it on.
import type { KafkaErrorName } from '@robustmq/kafka-codec';

/** An error with the text that newer versions carry to the client. */
export interface NamedError {
  readonly name: KafkaErrorName;
  readonly message: string;
}
