// What a record says of the publish that it comes from. One object is filled again for every record; the builder copies
// what it needs.

import { ABSENT, type PublishView } from '@robustmq/mqtt-codec';
import { messageExpiry } from '@robustmq/mqtt-session';
import type { MqttFacts, UserProperty } from '@robustmq/record-batch';

/** The facts of the publish at hand. */
export class PublishFacts {
  readonly facts: MqttFacts = { qos: 0, retain: false };

  /** Fills the facts from a PUBLISH, which is valid during its call only; answers its user properties. */
  read(originId: number, view: PublishView, nowMs: number): UserProperty[] | null {
    const { facts } = this;
    facts.qos = view.qos;
    facts.originSessionId = originId;
    if (view.propertiesStart === view.propertiesEnd) {
      facts.payloadFormat = undefined;
      facts.expiresAtMs = undefined;
      facts.contentType = undefined;
      facts.responseTopic = undefined;
      facts.correlationData = undefined;
      return null;
    }
    const { payloadFormatIndicator, messageExpiryIntervalS } = view;
    facts.payloadFormat = payloadFormatIndicator === ABSENT ? undefined : (payloadFormatIndicator as 0 | 1);
    facts.expiresAtMs =
      messageExpiryIntervalS === ABSENT ? undefined : messageExpiry.endMs(messageExpiryIntervalS, nowMs);
    facts.contentType = view.contentType;
    facts.responseTopic = view.responseTopic;
    facts.correlationData = view.correlationData;
    if (view.userPropertyCount === 0) return null;
    const flat = view.userProperties();
    const pairs: UserProperty[] = [];
    for (let index = 0; index + 1 < flat.length; index += 2) pairs.push([flat[index]!, flat[index + 1]!]);
    return pairs;
  }

  /** The facts in memory of their own, for a publish that waits. */
  copy(): MqttFacts {
    const { correlationData } = this.facts;
    return { ...this.facts, correlationData: correlationData && Buffer.from(correlationData) };
  }
}
