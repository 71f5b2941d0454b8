// SUBSCRIBE and UNSUBSCRIBE (sections 3.8 to 3.11): what each filter is answered before anyone looks at rights or shards.

import type { BrokerError } from '@robustmq/errors';
import {
  protocolError,
  REASON,
  type Packet,
  type ProtocolVersion,
  type SubscribePacket,
  type UnsubscribePacket,
} from '@robustmq/mqtt-codec';
import { topicFilter } from '@robustmq/mqtt-topics';
import type { SessionPolicy } from './connect/policy.ts';
import { v3BehaviourOf } from './connect/reason-table.ts';
import type { ConnectTerms } from './connect/request.ts';

/** Subscription Options (section 3.8.3.1), with the QoS as granted. */
export interface SubscriptionOptions {
  readonly qos: 0 | 1;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 send retained messages, 1 only for a new subscription, 2 never. */
  readonly retainHandling: 0 | 1 | 2;
  /** 1..268,435,455, or 0 for none. */
  readonly subscriptionIdentifier: number;
}

/** One filter of a SUBSCRIBE. `reasonCode` is the answer so far: the granted QoS, or a failure of 0x80 and above. */
export interface SubscribeEntry extends SubscriptionOptions {
  readonly filter: string;
  reasonCode: number;
}

/** A SUBSCRIBE on its way: whoever serves it overwrites `reasonCode` of the entries that it can't grant. */
export interface SubscribeRequest {
  readonly packetId: number;
  /** In the order of the packet [MQTT-3.9.3-1]; the same filter twice counts as two packets [MQTT-3.8.4-5]. */
  readonly entries: readonly SubscribeEntry[];
}

/** One filter of an UNSUBSCRIBE; `reasonCode` is success or 0x11 as set by whoever serves it. */
export interface UnsubscribeEntry {
  readonly filter: string;
  reasonCode: number;
}

/** An UNSUBSCRIBE on its way. */
export interface UnsubscribeRequest {
  readonly packetId: number;
  readonly entries: readonly UnsubscribeEntry[];
}

/** Highest QoS that is granted [MQTT-3.8.4-7]. */
const GRANTED_QOS_MAXIMUM = 1;

/** Who subscribes, as far as the rules ask. */
export type Subscribing = Pick<ConnectTerms, 'version' | 'isBridge'>;

/** How much a session may subscribe to. */
export type SubscriptionBounds = Pick<SessionPolicy, 'maximumSubscriptions' | 'maximumFilterChars'>;

/**
 * The entries of a SUBSCRIBE with the answer of the protocol's own rules.
 * @throws BrokerError malformed: 0x8F for a filter that is none, 0x82 for an empty one and for No Local on a shared
 * subscription [MQTT-3.8.3-4].
 */
export function subscribeRequestOf(
  packet: SubscribePacket,
  { version, isBridge }: Subscribing,
  held: ReadonlyMap<string, unknown>,
  { maximumSubscriptions, maximumFilterChars }: SubscriptionBounds,
): SubscribeRequest {
  const subscriptionIdentifier = packet.properties?.subscriptionIdentifier ?? 0;
  const fresh = new Set<string>();
  let filterChars = 0;
  for (const filter of held.keys()) filterChars += filter.length;
  const entries = packet.subscriptions.map((subscription): SubscribeEntry => {
    const filter = subscription.topic;
    const noLocal = isBridge || (version === 5 && subscription.nl === true);
    let reasonCode = reasonOfFilter(filter, noLocal);
    const qos = Math.min(subscription.qos, GRANTED_QOS_MAXIMUM) as 0 | 1;
    if (reasonCode === REASON.success) {
      if (!held.has(filter) && !fresh.has(filter)) {
        const isOver =
          held.size + fresh.size >= maximumSubscriptions || filterChars + filter.length > maximumFilterChars;
        if (isOver) reasonCode = REASON.quotaExceeded;
        else {
          fresh.add(filter);
          filterChars += filter.length;
        }
      }
    }
    return {
      filter,
      qos,
      noLocal,
      retainAsPublished: isBridge || (version === 5 && subscription.rap === true),
      retainHandling: (version === 5 ? (subscription.rh ?? 0) : 0) as 0 | 1 | 2,
      subscriptionIdentifier,
      reasonCode: reasonCode === REASON.success ? qos : reasonCode,
    };
  });
  return { packetId: packet.messageId!, entries };
}

/** The entries of an UNSUBSCRIBE. @throws BrokerError malformed as {@link subscribeRequestOf}. */
export function unsubscribeRequestOf(packet: UnsubscribePacket): UnsubscribeRequest {
  const entries = packet.unsubscriptions.map((filter) => ({
    filter,
    reasonCode: reasonOfSyntax(filter),
  }));
  return { packetId: packet.messageId!, entries };
}

/** SUBACK of a SUBSCRIBE whose entries have their answers [MQTT-3.8.4-1]. */
export function subackOf({ packetId, entries }: SubscribeRequest, version: ProtocolVersion): Packet {
  const granted = entries.map(({ reasonCode }) =>
    version === 5 ? reasonCode : v3BehaviourOf(reasonCode).suback,
  );
  return { cmd: 'suback', messageId: packetId, granted };
}

/** UNSUBACK of an UNSUBSCRIBE whose entries have their answers [MQTT-3.10.4-4]. 3.x has no codes in it. */
export function unsubackOf({ packetId, entries }: UnsubscribeRequest, version: ProtocolVersion): Packet {
  const granted = version === 5 ? entries.map(({ reasonCode }) => reasonCode) : [];
  return { cmd: 'unsuback', messageId: packetId, granted };
}

function reasonOfFilter(filter: string, noLocal: boolean): number {
  const shared = topicFilter.parseShared(filter);
  if (shared !== undefined) {
    if (shared === 'bad_share') throw notAFilter('$share without a name and a filter [MQTT-4.8.2-1]');
    // Also of a filter that is not served: what it breaks is a rule of the protocol.
    reasonOfSyntax(shared.filter);
    if (noLocal) throw protocolError('No Local on a shared subscription [MQTT-3.8.3-4]');
    return REASON.sharedSubscriptionsNotSupported;
  }
  return reasonOfSyntax(filter);
}

/** A filter that is none ends the connection; one that is only too deep is refused alone, as too much to ask for. */
function reasonOfSyntax(filter: string): number {
  const problem = topicFilter.problem(filter);
  if (problem === undefined) return REASON.success;
  if (problem === 'too_deep') return REASON.topicFilterInvalid;
  if (problem === 'empty') throw protocolError('topic filter is empty [MQTT-4.7.3-1]');
  throw notAFilter('wildcard of a topic filter is misplaced [MQTT-4.7.1-1] [MQTT-4.7.1-2]');
}

function notAFilter(why: string): BrokerError {
  return protocolError(why, REASON.topicFilterInvalid);
}
