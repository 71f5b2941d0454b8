// The type of the generated API table.
import type { KafkaReader } from './reader.ts';
import type { KafkaWriter } from './writer.ts';

/**
 * One API: its key, the versions that the descriptors know, the first flexible version, and its codecs.
 * The value types differ per API, so a table row is used through its own entry, not through this type.
 */
export interface ApiMessages {
  readonly name: string;
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly flexibleFrom: number;
  readonly readRequest: (reader: KafkaReader, version: number) => unknown;
  readonly writeRequest: (writer: KafkaWriter, version: number, value: never) => void;
  readonly readResponse: (reader: KafkaReader, version: number) => unknown;
  readonly writeResponse: (writer: KafkaWriter, version: number, value: never) => void;
}
