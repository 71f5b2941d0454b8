// The few MQTT 3.1.1 packets that a load needs, built by hand: a library's cost per packet would be the bottleneck.

/** Fixed-header bytes of the packets that arrive. */
export const PacketType = { connack: 2, publish: 3, puback: 4, suback: 9, pingresp: 13 } as const;

function withHeader(firstByte: number, body: Buffer): Buffer {
  const length: number[] = [];
  let left = body.length;
  do {
    const low = left % 128;
    left = Math.floor(left / 128);
    length.push(left > 0 ? low | 0x80 : low);
  } while (left > 0);
  return Buffer.concat([Buffer.from([firstByte, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** CONNECT, MQTT 3.1.1, keep alive off: a load run sends no pings. */
export function connectPacket(clientId: string, cleanSession: boolean): Buffer {
  return withHeader(
    0x10,
    Buffer.concat([text('MQTT'), Buffer.from([4, cleanSession ? 2 : 0, 0, 0]), text(clientId)]),
  );
}

/** SUBSCRIBE with one filter and packet id 1. */
export function subscribePacket(filter: string, qos: 0 | 1): Buffer {
  return withHeader(0x82, Buffer.concat([Buffer.from([0, 1]), text(filter), Buffer.from([qos])]));
}

/** DISCONNECT. */
export const DISCONNECT = Buffer.from([0xe0, 0]);

/** A PUBLISH to be copied and patched per message. */
export interface PublishTemplate {
  readonly bytes: Buffer;
  /** Where the packet id goes; -1 with QoS 0. */
  readonly packetIdAt: number;
  readonly payloadAt: number;
  /** Where eight digits of the sequence go into the topic; -1 when the topic is fixed. */
  readonly topicDigitsAt: number;
}

const TOPIC_DIGITS = 8;

/** The template of a sender's messages. A topic that ends in `#` gets eight digits of the sequence in its place. */
export function publishTemplate(topic: string, qos: 0 | 1, payloadBytes: number): PublishTemplate {
  const numbered = topic.endsWith('#');
  const name = numbered ? topic.slice(0, -1) + '0'.repeat(TOPIC_DIGITS) : topic;
  const head = text(name);
  const body = Buffer.concat([head, Buffer.alloc(qos === 0 ? 0 : 2), Buffer.alloc(payloadBytes, 'x')]);
  const bytes = withHeader(0x30 | (qos << 1), body);
  const topicEnd = bytes.length - body.length + head.length;
  return {
    bytes,
    packetIdAt: qos === 0 ? -1 : topicEnd,
    payloadAt: topicEnd + (qos === 0 ? 0 : 2),
    topicDigitsAt: numbered ? topicEnd - TOPIC_DIGITS : -1,
  };
}

/** Copies the template to `at` and patches it. */
export function stampPublish(
  template: PublishTemplate,
  target: Buffer,
  at: number,
  sender: number,
  sequence: number,
  scheduledMs: number,
): void {
  template.bytes.copy(target, at);
  if (template.packetIdAt >= 0) target.writeUInt16BE(packetIdOf(sequence), at + template.packetIdAt);
  if (template.topicDigitsAt >= 0) writeDigits(target, at + template.topicDigitsAt, sequence);
  const payload = at + template.payloadAt;
  target.writeUInt32LE(sender, payload);
  target.writeUInt32LE(sequence, payload + 4);
  target.writeDoubleLE(scheduledMs, payload + 8);
}

/** Packet ids of a sender run 1, 2, … 65535, 1, …: in-flight windows are far smaller than the cycle. */
export function packetIdOf(sequence: number): number {
  return (sequence % 65_535) + 1;
}

function writeDigits(target: Buffer, at: number, value: number): void {
  let left = value;
  for (let digit = TOPIC_DIGITS - 1; digit >= 0; digit -= 1) {
    target[at + digit] = 0x30 + (left % 10);
    left = Math.floor(left / 10);
  }
}
