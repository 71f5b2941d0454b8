// Random packets in mqtt-packet's form, valid for a client to send, for the property tests.

import fc from 'fast-check';
import type { Packet } from 'mqtt-packet';
import type { ProtocolVersion } from '../src/index.ts';

/** Strings that MQTT allows: no U+0000, no lone surrogates. */
export const mqttText = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .map((text) => text.replaceAll('\0', 'x').toWellFormed());

export const topicName = fc
  .array(
    mqttText.map((level) => level.replaceAll(/[+#/]/g, '_')),
    { minLength: 1, maxLength: 5 },
  )
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '');

const packetId = fc.integer({ min: 1, max: 65_535 });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
// mqtt-packet loses a value that follows an empty one of the same name, so values are not empty here.
const userProperties = fc
  .dictionary(
    mqttText.filter((name) => name !== ''),
    fc.oneof(
      mqttText.filter((value) => value !== ''),
      fc.array(
        mqttText.filter((value) => value !== ''),
        { minLength: 2, maxLength: 3 },
      ),
    ),
    { maxKeys: 3 },
  )
  .filter((pairs) => Object.keys(pairs).length > 0);

const publishProperties = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.nat(0xffff_ffff),
    topicAlias: packetId,
    responseTopic: topicName,
    correlationData: bytes,
    contentType: mqttText,
    userProperties,
  },
  { requiredKeys: [] },
);

export function publishPacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc
    .record({
      qos: fc.constantFrom(0, 1, 2),
      dup: fc.boolean(),
      retain: fc.boolean(),
      topic: topicName,
      messageId: packetId,
      payload: bytes,
      properties: publishProperties,
    })
    .map(({ properties, messageId, ...fields }) => ({
      cmd: 'publish' as const,
      ...fields,
      dup: fields.dup && fields.qos > 0,
      ...(fields.qos > 0 ? { messageId } : {}),
      ...(version === 5 ? { properties } : {}),
    }));
}

export function ackPacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc
    .record({
      cmd: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
      messageId: packetId,
      refused: fc.boolean(),
      properties: fc.option(fc.record({ reasonString: mqttText, userProperties }, { requiredKeys: [] }), {
        nil: undefined,
      }),
    })
    .map(({ cmd, messageId, refused, properties }) => ({
      cmd,
      messageId,
      ...(version === 5 ? { reasonCode: refused ? (cmd < 'pubrea' ? 0x97 : 0x92) : 0, properties } : {}),
    }))
    .map((packet) =>
      packet.cmd === 'pubrec' && packet.reasonCode === 0x92 ? { ...packet, reasonCode: 0x87 } : packet,
    )
    .map((packet) =>
      packet.cmd === 'pubcomp' && packet.reasonCode === 0x97 ? { ...packet, reasonCode: 0x92 } : packet,
    );
}

function subscribePacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.record({
    cmd: fc.constant('subscribe'),
    messageId: packetId,
    subscriptions: fc.array(
      version === 5
        ? fc.record({
            topic: topicName,
            qos: fc.constantFrom(0, 1, 2),
            nl: fc.boolean(),
            rap: fc.boolean(),
            rh: fc.nat(2),
          })
        : fc.record({ topic: topicName, qos: fc.constantFrom(0, 1, 2) }),
      { minLength: 1, maxLength: 4 },
    ),
    ...(version === 5
      ? { properties: fc.record({ subscriptionIdentifier: fc.integer({ min: 1, max: 268_435_455 }) }) }
      : {}),
  });
}

function unsubscribePacket(): fc.Arbitrary<Packet> {
  return fc.record({
    cmd: fc.constant('unsubscribe'),
    messageId: packetId,
    unsubscriptions: fc.array(topicName, { minLength: 1, maxLength: 4 }),
  });
}

/** Any packet that a connected client may send but DISCONNECT. */
export function clientPacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.oneof(
    { weight: 5, arbitrary: publishPacket(version) },
    { weight: 3, arbitrary: ackPacket(version) },
    { weight: 1, arbitrary: subscribePacket(version) },
    { weight: 1, arbitrary: unsubscribePacket() },
    { weight: 1, arbitrary: fc.constant({ cmd: 'pingreq' }) },
  );
}

export function connectPacket(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc
    .record({
      clientId: mqttText.filter((id) => id !== ''),
      clean: fc.boolean(),
      keepalive: fc.nat(65_535),
      username: fc.option(mqttText, { nil: undefined }),
      password: fc.option(bytes, { nil: undefined }),
      will: fc.option(
        fc.record({ topic: topicName, payload: bytes, qos: fc.constantFrom(0, 1, 2), retain: fc.boolean() }),
        { nil: undefined },
      ),
      properties: fc.record(
        {
          sessionExpiryInterval: fc.nat(0xffff_ffff),
          receiveMaximum: fc.integer({ min: 1, max: 65_535 }),
          maximumPacketSize: fc.integer({ min: 1, max: 0xffff_ffff }),
          topicAliasMaximum: fc.nat(65_535),
          requestResponseInformation: fc.boolean(),
          requestProblemInformation: fc.boolean(),
          userProperties,
          authenticationMethod: mqttText,
        },
        { requiredKeys: [] },
      ),
    })
    .map(({ password, properties, ...fields }) => ({
      cmd: 'connect' as const,
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: version,
      ...fields,
      ...(fields.username === undefined ? {} : { password }),
      ...(version === 5 ? { properties } : {}),
    }));
}
