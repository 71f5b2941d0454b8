// SUBSCRIBE and UNSUBSCRIBE (sections 3.8 to 3.11): what each filter is answered before anyone looks at rights or shards.

import {
  REASON,
  type ProtocolVersion,
  type SubscribePacket,
  type UnsubscribePacket,
} from '@robustmq/mqtt-codec';
import { protocolError } from '@robustmq/mqtt-codec';
import { parseSharedFilter, topicFilterProblem } from '@robustmq/mqtt-topics';

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

/** What the rules need to know of the session's subscriptions. */
export interface HeldSubscriptions {
  readonly subscriptionCount: number;
  hasSubscription(filter: string): boolean;
}

/** Highest QoS that is granted [MQTT-3.8.4-7]. */
const GRANTED_QOS_MAXIMUM = 1;

/**
 * The entries of a SUBSCRIBE with the answer of the protocol's own rules.
 * @throws BrokerError malformed (0x82) for No Local on a shared subscription [MQTT-3.8.3-4].
 */
export function subscribeRequestOf(
  packet: SubscribePacket,
  version: ProtocolVersion,
  held: HeldSubscriptions,
  maximumSubscriptions: number,
): SubscribeRequest {
  const subscriptionIdentifier = packet.properties?.subscriptionIdentifier ?? 0;
  const fresh = new Set<string>();
  const entries = packet.subscriptions.map((subscription): SubscribeEntry => {
    const filter = subscription.topic;
    let reasonCode = reasonOfFilter(filter, version === 5 && subscription.nl === true);
    const qos = Math.min(subscription.qos, GRANTED_QOS_MAXIMUM) as 0 | 1;
    if (reasonCode === REASON.success) {
      if (!held.hasSubscription(filter) && !fresh.has(filter)) {
        if (held.subscriptionCount + fresh.size >= maximumSubscriptions) reasonCode = REASON.quotaExceeded;
        else fresh.add(filter);
      }
    }
    return {
      filter,
      qos,
      noLocal: version === 5 && subscription.nl === true,
      retainAsPublished: version === 5 && subscription.rap === true,
      retainHandling: (version === 5 ? (subscription.rh ?? 0) : 0) as 0 | 1 | 2,
      subscriptionIdentifier,
      reasonCode: reasonCode === REASON.success ? qos : reasonCode,
    };
  });
  return { packetId: packet.messageId!, entries };
}

/** The entries of an UNSUBSCRIBE. */
export function unsubscribeRequestOf(packet: UnsubscribePacket): UnsubscribeRequest {
  const entries = packet.unsubscriptions.map((filter) => ({
    filter,
    reasonCode: topicFilterProblem(filter) === undefined ? REASON.success : REASON.topicFilterInvalid,
  }));
  return { packetId: packet.messageId!, entries };
}

function reasonOfFilter(filter: string, noLocal: boolean): number {
  const shared = parseSharedFilter(filter);
  if (shared !== undefined) {
    if (shared === 'bad_share') return REASON.topicFilterInvalid;
    if (noLocal) throw protocolError('No Local on a shared subscription [MQTT-3.8.3-4]');
    return REASON.sharedSubscriptionsNotSupported;
  }
  return topicFilterProblem(filter) === undefined ? REASON.success : REASON.topicFilterInvalid;
}
