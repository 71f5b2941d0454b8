// A client that speaks frames: every detail of the wire is in the test's hands.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  API_MESSAGES,
  KafkaFramer,
  responseHeaderVersion,
  type ApiKey,
  type KafkaReader,
  type KafkaWriter,
} from '@robustmq/kafka-codec';
import { encodeRequest, readResponseEnvelope } from '@robustmq/kafka-codec/testing';

type RequestInputOf<K extends ApiKey> = Parameters<(typeof API_MESSAGES)[K]['writeRequest']>[2];
type ResponseOf<K extends ApiKey> = ReturnType<(typeof API_MESSAGES)[K]['readResponse']>;

export class WireClient {
  readonly socket: Socket;
  readonly #framer = new KafkaFramer({ maxFrameBytes: 2 ** 30, minFrameBytes: 4 });
  readonly #frames: Buffer[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #correlationId = 0;
  clientId = 'wire-client';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk);
      // A response can be as short as an error code.
      for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next())
        this.#frames.push(frame);
      this.#wake?.();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('close', ended).on('end', ended).on('error', ended);
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<WireClient> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return new WireClient(socket);
  }

  /** Sends a request and reads its answer. */
  async call<K extends ApiKey>(
    apiKey: K,
    version: number,
    request: RequestInputOf<K>,
  ): Promise<ResponseOf<K>> {
    this.send(apiKey, version, request);
    return this.receive(apiKey, version);
  }

  /** Sends a request; answers its correlation id. */
  send<K extends ApiKey>(apiKey: K, version: number, request: RequestInputOf<K>): number {
    this.socket.write(this.frame(apiKey, version, request));
    return this.#correlationId;
  }

  frame<K extends ApiKey>(apiKey: K, apiVersion: number, request: RequestInputOf<K>): Buffer {
    this.#correlationId += 1;
    const write = API_MESSAGES[apiKey].writeRequest as (
      w: KafkaWriter,
      v: number,
      value: RequestInputOf<K>,
    ) => void;
    return encodeRequest(
      { apiKey, apiVersion, correlationId: this.#correlationId, clientId: this.clientId },
      (w) => write(w, apiVersion, request),
    );
  }

  async receive<K extends ApiKey>(
    apiKey: K,
    version: number,
    correlationId?: number,
  ): Promise<ResponseOf<K>> {
    const frame = await this.receiveFrame();
    const envelope = readResponseEnvelope(frame, responseHeaderVersion(apiKey, version));
    if (correlationId !== undefined) expect(envelope.correlationId).toBe(correlationId);
    const read = API_MESSAGES[apiKey].readResponse as (r: KafkaReader, v: number) => ResponseOf<K>;
    const response = read(envelope.body, version);
    expect(envelope.body.remaining).toBe(0);
    return response;
  }

  /** The next frame as it came. */
  async receiveFrame(): Promise<Buffer> {
    while (this.#frames.length === 0) {
      if (this.#ended) throw new RangeError('the connection was closed');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#frames.shift() as Buffer;
  }

  get pendingFrames(): number {
    return this.#frames.length;
  }

  async closed(): Promise<void> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  close(): void {
    this.socket.destroy();
  }
}
