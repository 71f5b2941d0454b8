// One Exchange stream to one journal-server: connects, says hello, reconnects with backoff. Each connection is a new
// instance; what was unanswered on the last one is told to the listener, which decides about repeats.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import type { Cancel, Timers } from '@robustmq/runtime';
import {
  createClient,
  ExchangeRequestSchema,
  HelloSchema,
  JournalService,
  type Connect,
  type Credentials,
  type ExchangeRequest,
  type ExchangeResponse,
  type HelloResult,
  Link,
  type ServiceClient,
} from '@robustmq/rpc';

/** Events of a link, all from its own stream instance. */
export interface LinkListener {
  /** Hello was answered: frames may be sent. */
  onOpen(link: JournalLink, hello: HelloResult): void;
  /** The instance is gone; nothing sent on it will be answered any more. */
  onBroken(link: JournalLink, error: BrokerError): void;
  /** Any frame but hello. */
  onFrame(link: JournalLink, frame: ExchangeResponse['frame']): void;
}

/** The way to one journal-server: streams and unary calls. */
export interface JournalDoor {
  /** Opens a stream; a server that cannot be reached ends it. */
  exchange(): Link<ExchangeRequest, ExchangeResponse>;
  readonly calls: ServiceClient<typeof JournalService>;
}

/** The way over gRPC. */
export function grpcDoor(
  address: string,
  credentials: Credentials,
  connect: Connect = createClient,
): JournalDoor {
  const calls = connect(JournalService, { address, credentials });
  return { exchange: () => Link.ofClient(calls.exchange()), calls };
}

/** Where to connect and what to say first. */
export interface LinkOptions {
  readonly nodeId: string;
  readonly address: string;
  readonly door: JournalDoor;
  readonly timers: Timers;
  readonly hello: MessageInitShape<typeof HelloSchema>;
  readonly listener: LinkListener;
}

const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;

/** A connection that keeps coming back until it is closed. */
export class JournalLink {
  readonly nodeId: string;
  readonly address: string;
  /** Unary calls to the same server. */
  readonly calls: ServiceClient<typeof JournalService>;
  /** Grows with every connection. */
  instance = 0;
  ready = false;
  readonly #options: LinkOptions;
  #stream: Link<ExchangeRequest, ExchangeResponse> | undefined;
  #retry: Cancel | undefined;
  #failures = 0;
  #closed = false;

  constructor(options: LinkOptions) {
    this.nodeId = options.nodeId;
    this.address = options.address;
    this.#options = options;
    this.calls = options.door.calls;
    this.#connect();
  }

  /** Hands a frame to the stream; only while {@link ready}. */
  send(frame: ExchangeRequest['frame']): void {
    this.#stream?.send(create(ExchangeRequestSchema, { frame }));
  }

  /** Gives up this instance, for a peer that broke the protocol, and connects anew. */
  restart(error: BrokerError): void {
    const stream = this.#stream;
    this.#break(error);
    stream?.cancel();
  }

  /** Ends the stream; the listener hears `onBroken` if it was open. */
  close(error: BrokerError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#retry?.();
    const stream = this.#stream;
    this.#break(error);
    stream?.cancel();
    this.calls.close();
  }

  #connect(): void {
    const stream = this.#options.door.exchange();
    this.#stream = stream;
    this.instance++;
    stream.listen({
      onFrame: (response) => {
        if (stream === this.#stream) this.#receive(response);
      },
      onOver: (error) => {
        if (stream !== this.#stream) return;
        this.#break(error ?? new BrokerError('unavailable', 'the journal ended the stream'));
      },
    });
    stream.send(
      create(ExchangeRequestSchema, {
        frame: { case: 'hello', value: create(HelloSchema, this.#options.hello) },
      }),
    );
  }

  /** One boundary for what a journal sends and for those who hear of it: a throw ends this instance, never the process (N9). */
  #receive({ frame }: ExchangeResponse): void {
    try {
      if (frame.case === 'hello') {
        this.#failures = 0;
        this.ready = true;
        this.#options.listener.onOpen(this, frame.value);
      } else {
        this.#options.listener.onFrame(this, frame);
      }
    } catch (error) {
      this.restart(BrokerError.from(error));
    }
  }

  #break(error: BrokerError): void {
    if (this.#stream === undefined) return;
    this.#stream = undefined;
    const wasReady = this.ready;
    this.ready = false;
    if (!this.#closed) {
      const delayMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failures, 10));
      this.#failures++;
      this.#retry = this.#options.timers.after(delayMs, () => this.#connect());
    }
    if (wasReady) this.#options.listener.onBroken(this, error);
  }
}
