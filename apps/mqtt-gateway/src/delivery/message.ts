// A message on its way to subscribers, whatever way it came: from a local publish, the mesh or the log. One object is
// filled again for every message; the payload stays where it is.

import { ABSENT, encodeForwardedProperties, type PublishView } from '@robustmq/mqtt-codec';
import { HeaderCursor, MqttFactsReader, type RecordCursor } from '@robustmq/record-batch';

const EMPTY: Buffer = Buffer.alloc(0);

/** The message being delivered. */
export class Message {
  topic = '';
  payload: Buffer = EMPTY;
  payloadStart = 0;
  payloadEnd = 0;
  qos = 0;
  retain = false;
  /** Properties that are forwarded unaltered, in wire form [MQTT-3.3.2-4, -15, -16, -18, -20]. */
  forwardedProperties: Buffer = EMPTY;
  /** Wall-clock ms; -1: never. */
  expiresAtMs = -1;
  originId: number | undefined = undefined;
}

const facts = new MqttFactsReader();
const headers = new HeaderCursor();

/** Version, flags, presence and the origin session: facts of a publish without properties. */
const PLAIN_FACTS_BYTES = 3 + 8;

/**
 * Fills `message` from the current record of a batch. `isTrusted`: the batch is of a gateway, so its `mqtt` header counts
 * (rule O7); other records are QoS 1 messages whose headers become user properties.
 */
export function readRecord(message: Message, topic: string, record: RecordCursor, isTrusted: boolean): void {
  message.topic = topic;
  message.payload = record.buffer;
  message.payloadStart = record.valueStart < 0 ? 0 : record.valueStart;
  message.payloadEnd = record.valueStart < 0 ? 0 : record.valueEnd;
  message.qos = 1;
  message.retain = false;
  message.forwardedProperties = EMPTY;
  message.expiresAtMs = -1;
  message.originId = undefined;
  const isPacked = isTrusted && record.findMqttFacts();
  if (isPacked) {
    facts.reset(record.buffer, record.foundStart, record.foundEnd);
    message.qos = facts.qos;
    message.retain = facts.retain;
    message.originId = facts.originSessionId;
    if (record.headerCount === 1 && record.foundEnd - record.foundStart <= PLAIN_FACTS_BYTES) return;
    message.expiresAtMs = facts.expiresAtMs ?? -1;
  } else if (record.headerCount === 0) {
    return;
  }
  message.forwardedProperties = encodeForwardedProperties({
    payloadFormatIndicator: (isPacked ? facts.payloadFormat : undefined) ?? ABSENT,
    contentType: isPacked ? facts.contentType : undefined,
    responseTopic: isPacked ? facts.responseTopic : undefined,
    correlationData: isPacked ? facts.correlationData : undefined,
    userProperties: readUserProperties(record, isPacked),
  });
}

/** MQTT strings are that short; a longer header of a Kafka record can't be shown. */
const MAX_STRING_BYTES = 65_535;

function readUserProperties(record: RecordCursor, isPacked: boolean): string[] {
  const pairs: string[] = [];
  if (record.headerCount === (isPacked ? 1 : 0)) return pairs;
  headers.reset(record);
  if (isPacked) headers.next();
  while (headers.next()) {
    const isTooLong =
      headers.nameEnd - headers.nameStart > MAX_STRING_BYTES ||
      headers.valueEnd - headers.valueStart > MAX_STRING_BYTES;
    if (!isTooLong) pairs.push(headers.name, headers.value?.toString('utf8') ?? '');
  }
  return pairs;
}

/** Fills `message` from a PUBLISH that is delivered without being stored. */
export function readPublish(
  message: Message,
  topic: string,
  view: PublishView,
  originId: number,
  nowMs: number,
): void {
  message.topic = topic;
  message.payload = view.buffer;
  message.payloadStart = view.payloadStart;
  message.payloadEnd = view.payloadEnd;
  message.qos = view.qos;
  message.retain = view.retain;
  message.originId = originId;
  message.forwardedProperties = EMPTY;
  message.expiresAtMs = -1;
  if (view.propertiesStart === view.propertiesEnd) return;
  if (view.messageExpiryIntervalS !== ABSENT)
    message.expiresAtMs = nowMs + view.messageExpiryIntervalS * 1000;
  message.forwardedProperties = encodeForwardedProperties({
    payloadFormatIndicator: view.payloadFormatIndicator,
    contentType: view.contentType,
    responseTopic: view.responseTopic,
    correlationData: view.correlationData,
    userProperties: view.userProperties(),
  });
}
