// A connection with a sink that writes down what it is asked for.

import {
  PACKET_TYPE,
  PublishView,
  type AckType,
  type ConnectPacket,
  type Packet,
  type ProtocolVersion,
  type SubscribePacket,
} from '@robustmq/mqtt-codec';
import { DEFAULT_SESSION_POLICY, type SessionPolicy } from '../src/connect/policy.ts';
import { MqttConnection } from '../src/connection.ts';
import type { ConnectionEnd, ConnectionSink } from '../src/connection-sink.ts';
import type { ConnectTerms } from '../src/connect/request.ts';
import type { PendingAck } from '../src/inbound/ack-queue.ts';
import type { SubscribeRequest, UnsubscribeRequest } from '../src/subscribe-request.ts';

const NAMES = {
  [PACKET_TYPE.puback]: 'puback',
  [PACKET_TYPE.pubrec]: 'pubrec',
  [PACKET_TYPE.pubrel]: 'pubrel',
  [PACKET_TYPE.pubcomp]: 'pubcomp',
} as const;

/** One call of the sink, as data. */
export type Call =
  | { readonly call: 'send'; readonly packet: Packet; readonly version: ProtocolVersion }
  | {
      readonly call: (typeof NAMES)[AckType];
      readonly packetId: number;
      readonly reasonCode: number;
    }
  | { readonly call: 'publish'; readonly topic: string; readonly packetId: number }
  | { readonly call: 'acknowledged'; readonly packetId: number }
  | {
      readonly call: 'pingresp' | 'pauseReading' | 'resumeReading' | 'subscribe' | 'unsubscribe';
    }
  | { readonly call: 'open'; readonly terms: ConnectTerms }
  | { readonly call: 'close'; readonly end: ConnectionEnd };

export class RecordingSink implements ConnectionSink {
  readonly calls: Call[] = [];
  readonly pending: PendingAck[] = [];
  readonly subscribes: SubscribeRequest[] = [];
  readonly unsubscribes: UnsubscribeRequest[] = [];
  /** Bytes of topic aliases that are kept, and that may be. */
  aliasBytes = 0;
  maxAliasBytes = Number.POSITIVE_INFINITY;

  hasAliasRoom(moreBytes: number): boolean {
    return this.aliasBytes < this.maxAliasBytes && this.aliasBytes + moreBytes <= this.maxAliasBytes;
  }
  takeAliasBytes(moreBytes: number): boolean {
    if (moreBytes > 0 && this.aliasBytes + moreBytes > this.maxAliasBytes) return false;
    this.aliasBytes += moreBytes;
    return true;
  }
  newClientId(): string {
    return 'assigned';
  }
  open(terms: ConnectTerms): void {
    this.calls.push({ call: 'open', terms });
  }
  publish(topic: string, view: PublishView, pending: PendingAck | null): void {
    this.calls.push({ call: 'publish', topic, packetId: view.packetId });
    if (pending !== null) this.pending.push(pending);
  }
  subscribe(request: SubscribeRequest): void {
    this.calls.push({ call: 'subscribe' });
    this.subscribes.push(request);
  }
  unsubscribe(request: UnsubscribeRequest): void {
    this.calls.push({ call: 'unsubscribe' });
    this.unsubscribes.push(request);
  }
  acknowledged(packetId: number): void {
    this.calls.push({ call: 'acknowledged', packetId });
  }
  pauseReading(): void {
    this.calls.push({ call: 'pauseReading' });
  }
  resumeReading(): void {
    this.calls.push({ call: 'resumeReading' });
  }
  sendAck(type: AckType, packetId: number, reasonCode: number): void {
    this.calls.push({ call: NAMES[type], packetId, reasonCode });
  }
  sendPingresp(): void {
    this.calls.push({ call: 'pingresp' });
  }
  send(packet: Packet, version: ProtocolVersion): void {
    this.calls.push({ call: 'send', packet, version });
  }
  close(end: ConnectionEnd): void {
    this.calls.push({ call: 'close', end });
  }

  /** Packets sent, acknowledgements among them, in order. */
  sent(): Record<string, unknown>[] {
    return this.calls.flatMap((call): Record<string, unknown>[] => {
      if (call.call === 'send') return [{ ...call.packet }];
      if ('reasonCode' in call)
        return [{ cmd: call.call, messageId: call.packetId, reasonCode: call.reasonCode }];
      return call.call === 'pingresp' ? [{ cmd: 'pingresp' }] : [];
    });
  }

  /** How it ended; undefined while it has not. */
  get end(): ConnectionEnd | undefined {
    const last = this.calls.at(-1);
    return last?.call === 'close' ? last.end : undefined;
  }

  count(name: Call['call']): number {
    return this.calls.filter((call) => call.call === name).length;
  }
}

/** Everything a test needs of one connection. */
export class Fixture {
  readonly sink = new RecordingSink();
  readonly connection: MqttConnection<{ readonly key: number }>;
  readonly policy: SessionPolicy;
  readonly #view = new PublishView();

  constructor(policy: Partial<SessionPolicy> = {}) {
    this.policy = { ...DEFAULT_SESSION_POLICY, ...policy };
    this.connection = new MqttConnection<{ readonly key: number }>(this.sink, this.policy, 0);
  }

  connect(version: ProtocolVersion, fields: Partial<ConnectPacket> = {}): void {
    this.connection.packet({
      cmd: 'connect',
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: version,
      clientId: 'client',
      clean: true,
      keepalive: 0,
      ...fields,
    });
  }

  publish(fields: Partial<Pick<PublishView, 'topic' | 'qos' | 'retain' | 'packetId' | 'topicAlias'>>): void {
    const view = this.#view;
    view.clearProperties(0);
    view.topic = fields.topic ?? '';
    view.qos = fields.qos ?? 0;
    view.retain = fields.retain ?? false;
    view.packetId = fields.packetId ?? (view.qos === 0 ? 0 : 1);
    view.topicAlias = fields.topicAlias ?? 0;
    this.connection.publish(view);
  }

  subscribe(
    subscriptions: SubscribePacket['subscriptions'],
    properties?: SubscribePacket['properties'],
    messageId = 1,
  ): void {
    this.connection.packet({
      cmd: 'subscribe',
      messageId,
      subscriptions,
      ...(properties === undefined ? {} : { properties }),
    });
  }
}

/** A connection past CONNACK; what came before is forgotten. */
export function connected(
  version: ProtocolVersion,
  fields: Partial<ConnectPacket> = {},
  policy: Partial<SessionPolicy> = {},
): Fixture {
  const fixture = new Fixture(policy);
  fixture.connect(version, fields);
  fixture.connection.accept(false, 0);
  fixture.sink.calls.length = 0;
  return fixture;
}
