// A message on its way to subscribers, whatever way it came: from a local publish, the mesh or the log. One object is
// filled again for every message; the payload stays where it is.

import {
  ABSENT,
  encodeForwardedProperties,
  isMqttString,
  type PublishView,
  userProperty,
} from '@robustmq/mqtt-codec';
import { messageExpiry } from '@robustmq/mqtt-session';
import { HeaderCursor, MQTT_HEADER_NAME, MqttFactsReader, type RecordCursor } from '@robustmq/record-batch';

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

/**
 * Fills `message` from the current record of a batch. `isTrusted`: the batch is of a gateway, so its `mqtt` header counts
 * (rule O7); other records are QoS 1 messages whose headers become user properties. Returns how many headers were left
 * out because MQTT has no string for them (N12).
 * @throws BrokerError of a record that can't be shown at all.
 */
export function readRecord(
  message: Message,
  topic: string,
  record: RecordCursor,
  isTrusted: boolean,
): number {
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
    if (record.headerCount === 1 && !facts.hasProperties) return 0;
    message.expiresAtMs = facts.expiresAtMs ?? -1;
    message.forwardedProperties = encodeForwardedProperties({
      payloadFormatIndicator: facts.payloadFormat ?? ABSENT,
      contentType: facts.contentType,
      responseTopic: facts.responseTopic,
      correlationData: facts.correlationData,
      userProperties: [],
    });
  }
  if (record.headerCount === (isPacked ? 1 : 0)) return 0;
  return appendHeaders(message, record, isPacked);
}

/** Headers of a foreign record that are shown; more than any client sends on purpose, and cheap enough for one turn. */
const MAX_SHOWN_HEADERS = 1024;

/** Appends the headers behind the packed one as User Properties in wire form; returns how many can't be shown. */
function appendHeaders(message: Message, record: RecordCursor, isPacked: boolean): number {
  const { buffer } = record;
  let shown = 0;
  let sizeBytes = 0;
  startHeaders(record, isPacked);
  while (shown < MAX_SHOWN_HEADERS && headers.next()) {
    if (!isShown(buffer, isPacked)) continue;
    shown++;
    sizeBytes += userProperty.sizeOf(
      headers.nameEnd - headers.nameStart,
      headers.valueEnd - headers.valueStart,
    );
  }
  const known = message.forwardedProperties;
  const target = Buffer.allocUnsafe(known.length + sizeBytes);
  let at = known.copy(target);
  startHeaders(record, isPacked);
  while (at < target.length && headers.next()) {
    if (!isShown(buffer, isPacked)) continue;
    const { nameStart, nameEnd, valueStart, valueEnd } = headers;
    at = userProperty.write(target, at, buffer, nameStart, nameEnd, valueStart, valueEnd);
  }
  message.forwardedProperties = target;
  return record.headerCount - (isPacked ? 1 : 0) - shown;
}

function startHeaders(record: RecordCursor, isPacked: boolean): void {
  headers.reset(record);
  if (isPacked) headers.next();
}

/** Whether the current header can be a User Property. A foreign record's `mqtt` header is a copy of ours, for nobody. */
function isShown(buffer: Buffer, isPacked: boolean): boolean {
  const { nameStart, nameEnd, valueStart, valueEnd } = headers;
  const isPackedName =
    nameEnd - nameStart === MQTT_HEADER_NAME.length &&
    MQTT_HEADER_NAME.equals(buffer.subarray(nameStart, nameEnd));
  if (!isPacked && isPackedName) return false;
  return isMqttString(buffer, nameStart, nameEnd) && isMqttString(buffer, valueStart, valueEnd);
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
  message.expiresAtMs = messageExpiry.endMs(view.messageExpiryIntervalS, nowMs);
  message.forwardedProperties = encodeForwardedProperties({
    payloadFormatIndicator: view.payloadFormatIndicator,
    contentType: view.contentType,
    responseTopic: view.responseTopic,
    correlationData: view.correlationData,
    userProperties: view.userProperties(),
  });
}
