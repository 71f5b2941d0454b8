// The least a broker can do: forwards the bytes of PUBLISH packets unchanged and acknowledges them, without sessions,
// matching rules or durability. What the load reaches against it is the ceiling of the load, not of a broker.
import { createServer, type Socket } from 'node:net';

const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const subscribers = new Map<string, Socket[]>();

/** The topic up to a `+`, so that a numbered topic finds its one wildcard subscriber. */
function key(topic: string): string {
  return topic.endsWith('/+') || /\/\d{8}$/.test(topic) ? topic.slice(0, topic.lastIndexOf('/')) : topic;
}

class SinkConnection {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#read(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]));
    });
    socket.on('error', () => socket.destroy());
  }

  #read(buffer: Buffer): void {
    let at = 0;
    let topic = '';
    let runStart = 0;
    const acks: number[] = [];
    for (;;) {
      let length = 0;
      let shift = 0;
      let cursor = at + 1;
      let complete = false;
      while (cursor < buffer.length && !complete) {
        const byte = buffer[cursor] ?? 0;
        cursor += 1;
        length |= (byte & 0x7f) << shift;
        shift += 7;
        complete = byte < 0x80;
      }
      const end = cursor + length;
      if (!complete || end > buffer.length) break;
      const type = (buffer[at] ?? 0) >> 4;
      if (type === 3) {
        const topicEnd = cursor + 2 + buffer.readUInt16BE(cursor);
        const to = key(buffer.toString('latin1', cursor + 2, topicEnd));
        if (to !== topic) {
          this.#forward(topic, buffer.subarray(runStart, at));
          topic = to;
          runStart = at;
        }
        if (((buffer[at] ?? 0) & 0x06) !== 0)
          acks.push(0x40, 2, buffer[topicEnd] ?? 0, buffer[topicEnd + 1] ?? 0);
      } else {
        this.#control(type, buffer, cursor);
        runStart = end;
      }
      at = end;
    }
    this.#forward(topic, buffer.subarray(runStart, at));
    this.#rest = Buffer.from(buffer.subarray(at));
    if (acks.length > 0) this.#socket.write(Buffer.from(acks));
  }

  #control(type: number, buffer: Buffer, bodyAt: number): void {
    if (type === 1) this.#socket.write(CONNACK);
    if (type === 8) {
      const filterEnd = bodyAt + 4 + buffer.readUInt16BE(bodyAt + 2);
      const filter = key(buffer.toString('latin1', bodyAt + 4, filterEnd));
      subscribers.set(filter, [...(subscribers.get(filter) ?? []), this.#socket]);
      this.#socket.write(Buffer.from([0x90, 3, buffer[bodyAt] ?? 0, buffer[bodyAt + 1] ?? 0, 1]));
    }
  }

  #forward(topic: string, bytes: Buffer): void {
    if (bytes.length === 0) return;
    const copy = Buffer.from(bytes);
    for (const subscriber of subscribers.get(topic) ?? []) if (subscriber.writable) subscriber.write(copy);
  }
}

createServer((socket) => new SinkConnection(socket)).listen(Number(process.argv[2]), '127.0.0.1');
