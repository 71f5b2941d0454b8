// gRPC in a simulated world: the same service descriptors, serializers, deadlines, credentials and error codes, over
// connections of the world's network. Nothing that serves or calls sees a difference.

import { EventEmitter } from 'node:events';
import {
  create,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { Metadata, MethodDefinition } from '@grpc/grpc-js';
import { BrokerError } from '@robustmq/errors';
import {
  fromServiceError,
  type Connect,
  type Credentials,
  type ServiceClient,
  type ServiceHost,
  type ServiceImplementation,
  type UnaryContext,
} from '@robustmq/rpc';
import { serviceDefinition, type ClientOptions } from '@robustmq/rpc/testing';
import type { ConnectionEnd, Life } from '@robustmq/testkit';

/** The first frame of a call. */
export interface CallOpening {
  readonly path: string;
  readonly metadata: Metadata;
  readonly timeoutMs: number;
  /** Of the one request; absent where the caller streams. */
  readonly request?: Buffer;
}

/** Frames behind it: serialized messages, or why the call failed. */
type CallFrame = Buffer | { readonly failure: BrokerError };
type Method = MethodDefinition<unknown, unknown>;

const DEFAULT_TIMEOUT_MS = 5_000;
const NO_DEADLINE = Number.POSITIVE_INFINITY;

/** Calls of one life of a process. An address is the name of a process. */
export function connectOver(life: Life): Connect {
  return <S extends DescService>(service: S, options: ClientOptions) => {
    const definition = serviceDefinition(service);
    const methods: Record<string, unknown> = { close: () => undefined };
    for (const method of service.methods) {
      const grpc = definition[method.localName]!;
      methods[method.localName] = callerOf(life, method, grpc, options);
    }
    return methods as unknown as ServiceClient<S>;
  };
}

function callerOf(life: Life, method: DescMethod, grpc: Method, options: ClientOptions): unknown {
  const opening = { path: grpc.path, metadata: options.credentials.metadata(), timeoutMs: NO_DEADLINE };
  const serialized = (request: MessageInitShape<typeof method.input>): Buffer =>
    Buffer.from(grpc.requestSerialize(create(method.input, request)));
  if (method.methodKind === 'unary')
    return (
      request: MessageInitShape<typeof method.input>,
      { timeoutMs = options.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS } = {},
    ) => unaryCall(life, options.address, grpc, { ...opening, timeoutMs, request: serialized(request) });
  if (method.methodKind === 'server_streaming')
    return (request: MessageInitShape<typeof method.input>) =>
      new CallerStream(life, options.address, grpc, { ...opening, request: serialized(request) });
  return () => new CallerStream(life, options.address, grpc, opening);
}

function unaryCall(life: Life, address: string, grpc: Method, opening: CallOpening): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const end = life.connect<CallOpening, CallFrame>(address);
    const cancelTimer = life.clock.after(opening.timeoutMs, () => {
      end.cancel();
      reject(
        new BrokerError('deadline_exceeded', `${opening.path} took longer than ${opening.timeoutMs} ms`),
      );
    });
    end.listen({
      onFrame: (frame) => {
        cancelTimer();
        end.cancel();
        if (Buffer.isBuffer(frame)) resolve(grpc.responseDeserialize(frame));
        else reject(frame.failure);
      },
      onOver: (error) => {
        cancelTimer();
        reject(error ?? new BrokerError('unavailable', 'the call ended without an answer'));
      },
    });
    end.send(opening);
  });
}

/** The caller's end of a stream, as grpc-js shows it. */
class CallerStream extends EventEmitter {
  readonly #end: ConnectionEnd<CallOpening | Buffer, CallFrame>;
  readonly #grpc: Method;

  constructor(life: Life, address: string, grpc: Method, opening: CallOpening) {
    super();
    this.#grpc = grpc;
    this.#end = life.connect(address);
    this.#end.listen({
      onFrame: (frame) => {
        if (Buffer.isBuffer(frame)) this.emit('data', grpc.responseDeserialize(frame));
        else this.emit('error', frame.failure);
      },
      onOver: (error) => void (error === undefined ? this.emit('end') : this.emit('error', error)),
    });
    this.#end.send(opening);
  }

  write(message: unknown, taken?: () => void): boolean {
    this.#end.send(Buffer.from(this.#grpc.requestSerialize(message)), taken);
    return true;
  }

  end(): void {
    this.#end.end();
  }

  cancel(): void {
    this.#end.cancel();
  }
}

/** The end of a stream that serves, as grpc-js shows it. */
class ServedStream extends EventEmitter {
  readonly request: unknown;
  cancelled = false;
  writableEnded = false;
  /** What came before anybody read; undefined from then on. */
  #held: (() => void)[] | undefined;
  readonly #end: ConnectionEnd<CallFrame, Buffer>;
  readonly #grpc: Method;

  constructor(life: Life, end: ConnectionEnd<CallFrame, Buffer>, grpc: Method, request: unknown) {
    super();
    this.#end = end;
    this.#grpc = grpc;
    this.request = request;
    // A call with one request has nothing to read.
    this.#held = request === undefined ? [] : undefined;
    end.listen({
      onFrame: (frame) => this.#whenRead(() => this.emit('data', grpc.requestDeserialize(frame))),
      onOver: (error) => this.#whenRead(() => this.#over(error)),
    });
    // As with a stream of Node, what comes before somebody reads waits.
    this.on('newListener', (event) => {
      if (event === 'data') life.clock.soon(() => this.#readHeld());
    });
    // Whoever serves fails a call by this event: its caller is told.
    this.on('error', (thrown: object) => this.#fail(thrown));
  }

  write(message: unknown, taken?: () => void): boolean {
    this.#end.send(Buffer.from(this.#grpc.responseSerialize(message)), taken);
    return true;
  }

  end(): void {
    if (this.writableEnded) return;
    this.writableEnded = true;
    this.#end.end();
  }

  destroy(error?: Error): void {
    if (error !== undefined) this.#fail(error);
    this.emit('close');
  }

  #whenRead(action: () => void): void {
    if (this.#held === undefined) action();
    else this.#held.push(action);
  }

  #readHeld(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const action of held) action();
  }

  #fail(thrown: object): void {
    if (this.writableEnded) return;
    this.writableEnded = true;
    const failure = thrown instanceof Error ? thrown : Object.assign(new Error('call failed'), thrown);
    this.#end.send({ failure: fromServiceError(failure) });
    this.#end.end();
  }

  #over(error: BrokerError | undefined): void {
    if (error === undefined) this.emit('end');
    else {
      this.cancelled = true;
      this.emit('cancelled');
    }
    this.writableEnded = true;
    this.emit('close');
  }
}

type Handler = (end: ConnectionEnd<CallFrame, Buffer>, opening: CallOpening) => void;

/** Serves typed implementations in one life of a process. */
export class SimulatedServices implements ServiceHost {
  readonly #life: Life;
  readonly #credentials: Credentials;
  readonly #onUnexpected: (error: unknown) => void;
  readonly #handlers = new Map<string, Handler>();

  constructor(life: Life, credentials: Credentials, onUnexpected: (error: unknown) => void) {
    this.#life = life;
    this.#credentials = credentials;
    this.#onUnexpected = onUnexpected;
  }

  add<S extends DescService>(service: S, implementation: ServiceImplementation<S>): this {
    const functions = implementation as Record<
      string,
      (argument: unknown, context?: UnaryContext) => unknown
    >;
    const definition = serviceDefinition(service);
    for (const method of service.methods) {
      const grpc = definition[method.localName]!;
      const handle = functions[method.localName]!;
      this.#handlers.set(grpc.path, (end, opening) => {
        if (method.methodKind === 'unary') this.#unary(end, opening, method, grpc, handle);
        else {
          const { request } = opening;
          handle(
            new ServedStream(
              this.#life,
              end,
              grpc,
              request === undefined ? undefined : grpc.requestDeserialize(request),
            ),
          );
        }
      });
    }
    return this;
  }

  /** Serves the call that begins with this frame. */
  serve(end: ConnectionEnd<unknown, unknown>, opening: CallOpening): void {
    const typed = end as ConnectionEnd<CallFrame, Buffer>;
    const refusal = this.#credentials.refusal(opening.path, opening.metadata);
    const handler = this.#handlers.get(opening.path);
    if (refusal === undefined && handler !== undefined) handler(typed, opening);
    else typed.send({ failure: refusal ?? new BrokerError('unsupported', opening.path) });
  }

  #unary(
    end: ConnectionEnd<CallFrame, Buffer>,
    opening: CallOpening,
    method: DescMethod,
    grpc: Method,
    handle: (request: unknown, context: UnaryContext) => unknown,
  ): void {
    const abort = new AbortController();
    end.listen({ onFrame: () => undefined, onOver: () => abort.abort() });
    const context = { signal: abort.signal, deadlineMs: this.#life.clock.nowMs() + opening.timeoutMs };
    new Promise<unknown>((resolve) =>
      resolve(handle(grpc.requestDeserialize(opening.request!), context)),
    ).then(
      (response) =>
        end.send(
          Buffer.from(
            grpc.responseSerialize(create(method.output, response as MessageShape<typeof method.output>)),
          ),
        ),
      (thrown: unknown) => {
        if (!(thrown instanceof BrokerError)) this.#onUnexpected(thrown);
        end.send({ failure: BrokerError.from(thrown) });
      },
    );
  }
}
