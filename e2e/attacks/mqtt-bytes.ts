// MQTT packets as an attacker writes them: nothing is checked.

/** A packet of any type. */
export function packet(firstByte: number, body: Buffer): Buffer {
  const length: number[] = [];
  let left = body.length;
  do {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from([firstByte, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([uint16(bytes.length), bytes]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

const NO_PROPERTIES = Buffer.from([0]);

/** CONNECT of MQTT 5 with Clean Start. */
export function connectV5(clientId: string, login?: { name: string; password: string }): Buffer {
  const flags = login === undefined ? 0x02 : 0xc2;
  const parts = [text('MQTT'), Buffer.from([5, flags, 0, 60]), NO_PROPERTIES, text(clientId)];
  if (login !== undefined) parts.push(text(login.name), text(login.password));
  return packet(0x10, Buffer.concat(parts));
}

/** SUBSCRIBE of MQTT 5, every filter at QoS 1. */
export function subscribeV5(packetId: number, filters: readonly string[]): Buffer {
  const wanted = filters.map((filter) => Buffer.concat([text(filter), Buffer.from([1])]));
  return packet(0x82, Buffer.concat([uint16(packetId), NO_PROPERTIES, ...wanted]));
}

/** PUBLISH of MQTT 5 at QoS 0. */
export function publishV5(topic: string, payload: Buffer): Buffer {
  return packet(0x30, Buffer.concat([text(topic), NO_PROPERTIES, payload]));
}

/** PUBLISH that sets a topic alias. */
export function publishWithAlias(topic: string, alias: number): Buffer {
  const properties = Buffer.concat([Buffer.from([3, 0x23]), uint16(alias)]);
  return packet(0x30, Buffer.concat([text(topic), properties, Buffer.from('x')]));
}

const MASK = Buffer.from([0, 0, 0, 0]);

/** The request that begins a WebSocket of MQTT. */
export function upgradeRequest(): Buffer {
  return Buffer.from(
    [
      'GET /mqtt HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: mqtt',
      '',
      '',
    ].join('\r\n'),
  );
}

/** A whole binary message of at most 125 bytes, as a client sends it; the mask changes nothing. */
export function binaryFrame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x80 | payload.length]), MASK, payload]);
}

/** The bytes as one binary message each. */
export function oneByteFrames(payload: Buffer): Buffer {
  return Buffer.concat([...payload].map((byte) => binaryFrame(Buffer.from([byte]))));
}
