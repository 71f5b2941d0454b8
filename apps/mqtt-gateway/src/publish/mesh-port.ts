// How a publish leaves for the other gateways.

import type { MqttFacts, UserProperty } from '@robustmq/record-batch';
import type { Message } from '../delivery/message.ts';

/** Hands QoS 0 messages to the other gateways. */
export interface MeshPort {
  readonly hasPeers: boolean;
  publish(
    tenant: string,
    message: Message,
    facts: MqttFacts,
    userProperties: readonly UserProperty[] | null,
    nowMs: number,
  ): void;
}
