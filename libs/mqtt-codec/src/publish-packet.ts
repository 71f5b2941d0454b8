// PUBLISH (section 3.3), the fast path: one walk over the bytes, no allocation but the first string of a new topic.

import type { ProtocolVersion, Qos } from './control-packet.ts';
import { malformedPacket, protocolError } from './decode-error.ts';
import { hasWildcard, type PublishView } from './publish-view.ts';
import type { PacketLimits } from './packet-limits.ts';
import { REASON } from './reason-code.ts';
import type { TopicCache } from './topic-cache.ts';
import { isMqttUtf8 } from './utf8.ts';

/**
 * Fills `view` with the PUBLISH whose first byte is `first` and whose variable header and payload are
 * `buffer[start, end)`.
 * @throws BrokerError malformed with its reason code.
 */
export function readPublish(
  view: PublishView,
  first: number,
  buffer: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  topics: TopicCache,
  limits: PacketLimits,
): void {
  if (start + 2 > end) throw malformedPacket('PUBLISH is too short');
  const topicStart = start + 2;
  const topicEnd = topicStart + ((buffer[start]! << 8) | buffer[start + 1]!);
  if (topicEnd > end) throw malformedPacket('topic name runs past the end of the packet');
  const qos = (first >> 1) & 3;
  let at = topicEnd;
  let packetId = 0;
  if (qos > 0) {
    if (at + 2 > end) throw malformedPacket('packet identifier is missing');
    packetId = (buffer[at]! << 8) | buffer[at + 1]!;
    if (packetId === 0) throw protocolError('packet identifier is zero [MQTT-2.2.1-3]');
    at += 2;
  }
  view.buffer = buffer;
  view.qos = qos as Qos;
  view.retain = (first & 0x01) !== 0;
  view.dup = (first & 0x08) !== 0;
  view.packetId = packetId;
  if (version === 5 && buffer[at] !== 0) at = view.readProperties(at, end, limits.maxUserProperties);
  else {
    if (version === 5 && ++at > end) throw malformedPacket('properties are missing');
    view.clearProperties(at);
  }
  view.payloadStart = at;
  view.payloadEnd = end;
  view.isTopicTooDeep = false;
  if (topicStart === topicEnd) view.topic = noTopic(view);
  else {
    const known = topics.lookup(buffer, topicStart, topicEnd);
    view.topic = known ?? readTopic(view, topicStart, topicEnd, topics, limits.maxTopicLevels);
  }
}

/** A zero length Topic Name stands for a Topic Alias and is an error without one. */
function noTopic(view: PublishView): string {
  if (view.topicAlias === 0) {
    throw protocolError('topic name is empty and there is no topic alias [MQTT-4.7.3-1]');
  }
  return '';
}

function readTopic(
  view: PublishView,
  start: number,
  end: number,
  topics: TopicCache,
  maxLevels: number,
): string {
  const { buffer } = view;
  if (!isMqttUtf8(buffer, start, end)) throw malformedPacket('topic name is not valid UTF-8 [MQTT-3.3.2-1]');
  if (hasWildcard(buffer, start, end)) {
    throw protocolError('topic name has a wildcard [MQTT-3.3.2-2]', REASON.topicNameInvalid);
  }
  let levels = 1;
  for (let at = start; at < end; at++) if (buffer[at] === 0x2f) levels++;
  const topic = buffer.toString('utf8', start, end);
  view.isTopicTooDeep = levels > maxLevels;
  if (!view.isTopicTooDeep) topics.keep(buffer, start, end, topic);
  return topic;
}
