// Serves typed implementations over grpc-js.
import type {
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
} from '@bufbuild/protobuf';
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import {
  logVerbosity,
  Server,
  setLogVerbosity,
  ServerCredentials,
  ServerInterceptingCall,
  status,
  type ServerInterceptor,
  type handleUnaryCall,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { BrokerError } from '@robustmq/errors';
import { endAnsweredCalls } from './answered-calls.ts';
import type { Credentials } from './credentials.ts';
import { CHANNEL_OPTIONS } from './limits.ts';
import { serviceDefinition } from './service-definition.ts';
import { toServiceError } from './status.ts';

// grpc-js prints to stderr on its own; every failure reaches our logs through its error instead.
setLogVerbosity(logVerbosity.NONE);
endAnsweredCalls();

/** What a unary implementation may know about its call. */
export interface UnaryContext {
  /** Aborted when the caller gave up. */
  readonly signal: AbortSignal;
  /** Absolute wall-clock deadline in ms; Infinity without one. */
  readonly deadlineMs: number;
}

/** Makes the signal for those who ask for it: few do, and grpc-js says of every call in the end that it is cancelled. */
class CallContext implements UnaryContext {
  readonly deadlineMs: number;
  #abort: AbortController | null = null;
  #hasEnded = false;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#hasEnded) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  end(): void {
    this.#hasEnded = true;
    this.#abort?.abort();
  }
}

/** One function per method; streams get the grpc-js stream. Throw BrokerError to fail a unary call. */
export type ServiceImplementation<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary
    ? (
        request: MessageShape<S['method'][K]['input']>,
        context: UnaryContext,
      ) => Promise<MessageInitShape<S['method'][K]['output']>> | MessageInitShape<S['method'][K]['output']>
    : S['method'][K] extends DescMethodServerStreaming
      ? (
          stream: ServerWritableStream<
            MessageShape<S['method'][K]['input']>,
            MessageShape<S['method'][K]['output']>
          >,
        ) => void
      : S['method'][K] extends DescMethodBiDiStreaming
        ? (
            stream: ServerDuplexStream<
              MessageShape<S['method'][K]['input']>,
              MessageShape<S['method'][K]['output']>
            >,
          ) => void
        : never;
};

/** What serves services: {@link RpcServer}, or what a test puts in its place. */
export interface ServiceHost {
  add<S extends DescService>(service: S, implementation: ServiceImplementation<S>): unknown;
}

/** Surroundings of an {@link RpcServer}. */
export interface RpcServerOptions {
  /** By these callers are judged. */
  readonly credentials: Credentials;
  /** Told of failures that are no BrokerError: bugs, to be logged with their cause. */
  readonly onUnexpected: (error: unknown, method: string) => void;
  /** Told of calls that were refused; a stranger can cause any number of them (N14). */
  readonly onRefused?: (error: BrokerError, method: string) => void;
}

/** A gRPC server of this process: every method of every service asks who calls before it reads the request (N15). */
export class RpcServer implements ServiceHost {
  /** By these callers are judged. */
  readonly credentials: Credentials;
  readonly #server: Server;
  readonly #onUnexpected: (error: unknown, method: string) => void;

  constructor(options: RpcServerOptions) {
    this.credentials = options.credentials;
    this.#onUnexpected = options.onUnexpected;
    this.#server = new Server({ ...CHANNEL_OPTIONS, interceptors: [admitting(options)] });
  }

  /** Adds a service; before {@link listen}. */
  add<S extends DescService>(service: S, implementation: ServiceImplementation<S>): this {
    const handlers: UntypedServiceImplementation = {};
    for (const method of service.methods) {
      const handler = (
        implementation as Record<string, (argument: never, context?: UnaryContext) => unknown>
      )[method.localName];
      if (handler === undefined) throw new BrokerError('internal', `no implementation of ${method.name}`);
      handlers[method.localName] =
        method.methodKind === 'unary'
          ? this.#unary(
              method as DescMethodUnary,
              handler as (request: unknown, context: UnaryContext) => unknown,
            )
          : (stream: unknown) => void handler(stream as never);
    }
    this.#server.addService(serviceDefinition(service), handlers);
    return this;
  }

  #unary(
    method: DescMethodUnary,
    handler: (request: unknown, context: UnaryContext) => unknown,
  ): handleUnaryCall<unknown, unknown> {
    return (call: ServerUnaryCall<unknown, unknown>, callback) => {
      const deadline = call.getDeadline();
      const context = new CallContext(typeof deadline === 'number' ? deadline : deadline.getTime());
      call.on('cancelled', () => context.end());
      // The executor turns a synchronous throw into a rejection.
      new Promise<unknown>((resolve) => resolve(handler(call.request, context))).then(
        (response) => callback(null, create(method.output, response as Record<string, unknown>)),
        (thrown: unknown) => {
          if (!(thrown instanceof BrokerError)) this.#onUnexpected(thrown, method.name);
          callback(toServiceError(thrown));
        },
      );
    };
  }

  /**
   * Binds and serves; resolves to the port.
   * @throws BrokerError `conflict` naming address and `optionName` when the port is taken.
   */
  listen(host: string, port: number, optionName: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else {
          const message = `cannot listen on ${host}:${port} (option ${optionName}): ${error.message}`;
          reject(
            new BrokerError('conflict', message, { cause: error, details: { port, option: optionName } }),
          );
        }
      });
    });
  }

  /** Stops taking calls, waits for running ones up to the deadline, then cuts them. */
  close(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, timeoutMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** Ends a call that may not be made before its handler hears of it, and before its request is read. */
function admitting({ credentials, onRefused }: RpcServerOptions): ServerInterceptor {
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, admit) => {
            const refusal = credentials.refusal(path, metadata);
            if (refusal === undefined) return admit(metadata);
            onRefused?.(refusal, path);
            const { code = status.INTERNAL, details = '', metadata: sent } = toServiceError(refusal);
            call.sendStatus({ code, details, metadata: sent ?? null });
          },
        }),
    });
}
