// Typed clients over grpc-js: every unary call has a deadline, every failure is a BrokerError.
import {
  create,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
} from '@bufbuild/protobuf';
import type { DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import {
  Client,
  credentials as channelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type MethodDefinition,
} from '@grpc/grpc-js';
import { systemTimers } from '@robustmq/runtime';
import type { Credentials } from './credentials.ts';
import { CHANNEL_OPTIONS } from './limits.ts';
import { serviceDefinition } from './service-definition.ts';
import { fromServiceError } from './status.ts';

/** Options of one unary call. */
export interface CallOptions {
  /** Bound on the whole call; `deadline_exceeded` after it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type UnaryCall<M extends DescMethodUnary> = (
  request: MessageInitShape<M['input']>,
  options?: CallOptions,
) => Promise<MessageShape<M['output']>>;

type ServerStreamCall<M extends DescMethodServerStreaming> = (
  request: MessageInitShape<M['input']>,
) => ClientReadableStream<MessageShape<M['output']>>;

type DuplexCall<M extends DescMethodBiDiStreaming> = () => ClientDuplexStream<
  MessageShape<M['input']>,
  MessageShape<M['output']>
>;

/** The methods of a service as functions. Streams are grpc-js streams: `error` events carry a ServiceError (see {@link fromServiceError}). */
export type ServiceClient<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary
    ? UnaryCall<S['method'][K]>
    : S['method'][K] extends DescMethodServerStreaming
      ? ServerStreamCall<S['method'][K]>
      : S['method'][K] extends DescMethodBiDiStreaming
        ? DuplexCall<S['method'][K]>
        : never;
} & { close(): void };

/** Where and how a client connects. */
export interface ClientOptions {
  /** host:port */
  readonly address: string;
  /** What every call carries. */
  readonly credentials: Credentials;
  /** Deadline of a unary call without its own. */
  readonly defaultTimeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/** How the methods of a service elsewhere are called: {@link createClient}, or what a test puts in its place. */
export type Connect = <S extends DescService>(service: S, options: ClientOptions) => ServiceClient<S>;

/** Connects lazily; a broken connection is re-established by grpc-js, calls meanwhile fail as `unavailable`. */
export function createClient<S extends DescService>(service: S, options: ClientOptions): ServiceClient<S> {
  const definition = serviceDefinition(service);
  const { credentials } = options;
  const client = new Client(options.address, channelCredentials.createInsecure(), CHANNEL_OPTIONS);
  const methods: Record<string, unknown> = { close: () => closeLater(client) };
  for (const method of service.methods) {
    const grpcMethod = definition[method.localName];
    if (grpcMethod === undefined) continue;
    if (method.methodKind === 'unary')
      methods[method.localName] = unaryCall(client, method as DescMethodUnary, grpcMethod, options);
    if (method.methodKind === 'server_streaming') {
      methods[method.localName] = (request: Record<string, unknown>) =>
        client.makeServerStreamRequest(
          grpcMethod.path,
          grpcMethod.requestSerialize,
          grpcMethod.responseDeserialize,
          create(method.input, request),
          credentials.metadata(),
        );
    }
    if (method.methodKind === 'bidi_streaming') {
      methods[method.localName] = () =>
        client.makeBidiStreamRequest(
          grpcMethod.path,
          grpcMethod.requestSerialize,
          grpcMethod.responseDeserialize,
          credentials.metadata(),
        );
    }
  }
  return methods as ServiceClient<S>;
}

/**
 * Closes a client behind what it has begun. With the first call grpc-js plans to hear of the address in a later phase of the loop: a
 * channel that is closed before connects all the same, and nobody would ever close that connection.
 */
function closeLater(client: Client): void {
  systemTimers.soon(() => client.close());
}

function unaryCall(
  client: Client,
  method: DescMethodUnary,
  grpcMethod: MethodDefinition<unknown, unknown>,
  options: ClientOptions,
): UnaryCall<DescMethodUnary> {
  return (request, call = {}) =>
    new Promise((resolve, reject) => {
      const timeoutMs = call.timeoutMs ?? options.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS;
      const started = client.makeUnaryRequest(
        grpcMethod.path,
        grpcMethod.requestSerialize,
        grpcMethod.responseDeserialize,
        create(method.input, request),
        options.credentials.metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          call.signal?.removeEventListener('abort', abort);
          if (error !== null) reject(fromServiceError(error));
          else resolve(response as MessageShape<typeof method.output>);
        },
      );
      const abort = (): void => started.cancel();
      if (call.signal?.aborted === true) started.cancel();
      else call.signal?.addEventListener('abort', abort, { once: true });
    });
}
