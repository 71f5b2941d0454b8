// A session without a connection, and what is routed to it.

import { type OutboundTopicAliases, type ShardLag } from '@robustmq/mqtt-session';
import { Message } from '../src/delivery/message.ts';
import type { ReceivingSession } from '../src/delivery/session-ports.ts';
import { Subscription } from '../src/delivery/subscription.ts';
import type { OutputFlusher } from '../src/transport/output-flusher.ts';
import { SocketOutput, type Transport } from '../src/transport/socket-output.ts';
import { parser, type IPublishPacket } from 'mqtt-packet';

/** A session that takes `window` messages. */
export class FakeSession implements ReceivingSession {
  readonly originId: number;
  readonly isVersion5: boolean;
  readonly maximumPacketBytes: number;
  lag: Map<number, ShardLag> | null = null;
  isRedelivery = false;
  touched = 0;
  maybeSentBelow = 0;
  inQuestionFrom = Infinity;
  readonly aliases: OutboundTopicAliases | null;
  window = Number.POSITIVE_INFINITY;
  readonly admitted: number[] = [];
  readonly inherited: boolean[] = [];
  readonly written: Buffer[] = [];
  readonly output: SocketOutput;

  constructor(
    originId: number,
    flusher: OutputFlusher,
    isVersion5 = false,
    maximumPacketBytes = Infinity,
    aliases: OutboundTopicAliases | null = null,
  ) {
    this.originId = originId;
    this.aliases = aliases;
    this.isVersion5 = isVersion5;
    this.maximumPacketBytes = maximumPacketBytes;
    const written = this.written;
    const transport: Transport = {
      writableLength: 0,
      write: (bytes) => void written.push(Buffer.from(bytes)),
      end: () => undefined,
      destroy: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    };
    this.output = new SocketOutput(transport, flusher);
  }

  isLiveAt(key: number): boolean {
    return this.lag?.has(key) !== true;
  }

  touch(): void {
    this.touched++;
  }

  mayHaveSent(_tail: unknown, offset: number): boolean {
    return offset < this.maybeSentBelow;
  }

  isInQuestion(_tail: unknown, offset: number): boolean {
    return offset >= this.inQuestionFrom;
  }

  admit(_tail: unknown, offset: number, isInherited: boolean): number {
    if (this.window === 0) return 0;
    this.window--;
    this.inherited.push(isInherited);
    this.admitted.push(offset);
    return this.admitted.length;
  }

  fallBehind(tail: { readonly key: number }, offset: number): void {
    (this.lag ??= new Map()).set(tail.key, { nextOffset: offset, ringFrom: 0 });
  }

  packets(): IPublishPacket[] {
    const found: IPublishPacket[] = [];
    const decoder = parser({ protocolVersion: this.isVersion5 ? 5 : 4 });
    decoder.on('packet', (packet) => found.push(packet as IPublishPacket));
    decoder.parse(Buffer.concat(this.written));
    return found;
  }
}

/** A session that takes every message at once, and tells where it stood. */
export const takingSession = (originId: number, taken: (offset: number) => void): ReceivingSession => ({
  originId,
  isVersion5: false,
  aliases: null,
  output: {} as ReceivingSession['output'],
  maximumPacketBytes: Infinity,
  lag: null,
  isRedelivery: false,
  isLiveAt: () => true,
  touch: () => undefined,
  mayHaveSent: () => false,
  isInQuestion: () => false,
  admit: (_place, offset) => {
    taken(offset);
    return 0;
  },
  fallBehind: () => undefined,
});

/** The built-in stream, of three shards. */
export const stream = {
  streamId: 1,
  name: 'mqtt',
  tenant: 'default',
  mqttFilter: '',
  shardsAtCreation: 3,
  isDefault: true,
  acknowledgeInMemory: false,
  maxBatchBytes: 1_048_588,
};

/** One that the session made on its present connection. */
export const subscription = (session: ReceivingSession, filter: string, qos = 1): Subscription => {
  const made = new Subscription(session, filter);
  made.setOptions({
    qos,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: 0,
  });
  return made;
};

/** One that the session had before its present connection. */
export const inherited = (session: ReceivingSession, filter: string, qos = 1): Subscription => {
  const made = subscription(session, filter, qos);
  made.isInherited = true;
  return made;
};

/** A record that was published to the topic. */
export const message = (topic: string, payload: string, qos: number): Message => {
  const made = new Message();
  made.topic = topic;
  made.payload = Buffer.from(payload);
  made.payloadEnd = made.payload.length;
  made.qos = qos;
  return made;
};
