// A Kafka client that speaks frames, for what no client library lets a test say.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

import { BrokerError } from '@robustmq/errors';
import {
  API_MESSAGES,
  type ApiKey,
  KafkaFramer,
  type KafkaReader,
  type KafkaWriter,
  responseHeaderVersion,
} from '@robustmq/kafka-codec';
import { encodeRequest, readResponseEnvelope } from '@robustmq/kafka-codec/testing';
import { waitUntil } from '@robustmq/testkit/cluster';

type RequestOf<K extends ApiKey> = Parameters<(typeof API_MESSAGES)[K]['writeRequest']>[2];
type ResponseOf<K extends ApiKey> = ReturnType<(typeof API_MESSAGES)[K]['readResponse']>;

const TIMEOUT_MS = 20_000;

/** A connection to a broker. Requests are answered in their order. */
export class KafkaWireClient {
  readonly socket: Socket;
  readonly #framer = new KafkaFramer({ maxFrameBytes: 2 ** 30, minFrameBytes: 4 });
  readonly #frames: Buffer[] = [];
  #correlationId = 0;
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk);
      for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next())
        this.#frames.push(frame);
    });
    // A reset is one way of closing.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connects to `host:port`. */
  static async connect(address: string): Promise<KafkaWireClient> {
    const [host = '', port] = address.split(':');
    const socket = createConnection({ host, port: Number(port), noDelay: true });
    const client = new KafkaWireClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Sends a request. */
  send<K extends ApiKey>(apiKey: K, apiVersion: number, request: RequestOf<K>): void {
    this.#correlationId += 1;
    const write = API_MESSAGES[apiKey].writeRequest as (w: KafkaWriter, v: number, r: RequestOf<K>) => void;
    const header = { apiKey, apiVersion, correlationId: this.#correlationId, clientId: 'wire' };
    this.socket.write(encodeRequest(header, (w) => write(w, apiVersion, request)));
  }

  /** Sends a request and reads its answer. */
  async call<K extends ApiKey>(apiKey: K, apiVersion: number, request: RequestOf<K>): Promise<ResponseOf<K>> {
    this.send(apiKey, apiVersion, request);
    await waitUntil('an answer', TIMEOUT_MS, () => this.#frames.length > 0 || this.closed);
    const frame = this.#frames.shift();
    if (frame === undefined) throw new BrokerError('cancelled', 'the broker closed the connection');
    const { body } = readResponseEnvelope(frame, responseHeaderVersion(apiKey, apiVersion));
    const read = API_MESSAGES[apiKey].readResponse as (r: KafkaReader, v: number) => ResponseOf<K>;
    return read(body, apiVersion);
  }

  close(): void {
    this.socket.destroy();
  }
}
