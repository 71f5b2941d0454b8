// HTTP/2 frames of a stranger's own making (RFC 9113), for what no client library says.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const SETTINGS = 4;
export const PING = 6;
export const HEADERS = 1;
export const RST_STREAM = 3;
const END_HEADERS = 0x4;

/** A frame: nine bytes of head, then the payload. */
export function frame(type: number, streamId: number, payload: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** The head of a gRPC call without any credentials, left open (HPACK literals without indexing, RFC 7541). */
export function openCall(streamId: number, path: string, contentType = 'application/grpc'): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    // :method POST, :scheme http, both from the static table.
    Buffer.from([0x83, 0x86, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text('localhost'),
    // content-type
    Buffer.from([0x0f, 0x10]),
    text(contentType),
  ]);
  return frame(HEADERS, streamId, block, END_HEADERS);
}

/** A socket that spoke the preface. */
export async function speakHttp2(port: number): Promise<Socket> {
  const socket = await openSocket(port);
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, Buffer.alloc(0))]));
  return socket;
}

/** A socket that has said nothing yet. */
export async function openSocket(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  // A reset is one way of being sent away.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
