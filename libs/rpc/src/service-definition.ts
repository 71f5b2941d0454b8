// Turns a protobuf-es service descriptor into grpc-js definitions, once per service.
import { fromBinary, toBinary, type DescMessage, type DescService } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import type { Message, MessageShape } from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** Overrides the codec of one message type: hot messages pass their bytes through or are written by hand. */
export interface MessageCodec<T> {
  readonly serialize: (message: T) => Buffer;
  readonly deserialize: (bytes: Buffer) => T;
}

const codecs = new Map<string, MessageCodec<never>>();

/**
 * Registers a hand-written codec for a message type, before any definition that uses it is made.
 * It must write the same protobuf wire format: peers may use the generated one.
 */
export function registerMessageCodec<T extends Message>(schema: GenMessage<T>, codec: MessageCodec<T>): void {
  codecs.set(schema.typeName, codec as unknown as MessageCodec<never>);
}

function codecOf(schema: DescMessage): MessageCodec<MessageShape<DescMessage>> {
  const registered = codecs.get(schema.typeName);
  if (registered !== undefined) return registered as unknown as MessageCodec<MessageShape<DescMessage>>;
  return {
    serialize: (message) => {
      const bytes = toBinary(schema, message);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    // `bytes` fields of the result alias the input: no copy of record data.
    deserialize: (bytes) => fromBinary(schema, bytes, { readUnknownFields: false }),
  };
}

const definitions = new WeakMap<DescService, ServiceDefinition>();

/** The grpc-js definition of a service, keyed by the descriptor's local (camelCase) method names. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  const known = definitions.get(service);
  if (known !== undefined) return known;
  const made: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const method of service.methods) {
    const input = codecOf(method.input);
    const output = codecOf(method.output);
    made[method.localName] = {
      path: `/${service.typeName}/${method.name}`,
      requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
      responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
      requestSerialize: input.serialize as (value: unknown) => Buffer,
      requestDeserialize: input.deserialize,
      responseSerialize: output.serialize as (value: unknown) => Buffer,
      responseDeserialize: output.deserialize,
    };
  }
  const definition = made as ServiceDefinition;
  definitions.set(service, definition);
  return definition;
}
