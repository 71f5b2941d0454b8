// Turns what the decoder reports into plain objects in mqtt-packet's form, to compare with what mqtt-packet reads.

import { parser, type Packet } from 'mqtt-packet';
import {
  ABSENT,
  type AckType,
  type ControlPacket,
  type DecoderSink,
  type ProtocolVersion,
  type PublishView,
} from '../src/index.ts';

const ACK_COMMAND = { 4: 'puback', 5: 'pubrec', 6: 'pubrel', 7: 'pubcomp' } as const;

/** The comparable part of a packet. */
export type Plain = Record<string, unknown>;

export class RecordingSink implements DecoderSink {
  readonly packets: Plain[] = [];

  publish(view: PublishView): void {
    const pairs = Object.create(null) as Record<string, string | string[]>;
    const flat = view.userProperties();
    for (let index = 0; index < flat.length; index += 2) {
      const [name, value] = [flat[index]!, flat[index + 1]!];
      const before = pairs[name];
      pairs[name] =
        before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    }
    this.packets.push({
      cmd: 'publish',
      topic: view.topic,
      qos: view.qos,
      dup: view.dup,
      retain: view.retain,
      messageId: view.packetId,
      payload: view.payload.toString('hex'),
      payloadFormatIndicator: view.payloadFormatIndicator,
      messageExpiryInterval: view.messageExpiryIntervalS,
      topicAlias: view.topicAlias,
      contentType: view.contentType,
      responseTopic: view.responseTopic,
      correlationData: view.correlationData?.toString('hex'),
      userProperties: pairs,
    });
  }

  ack(type: AckType, packetId: number, reasonCode: number): void {
    this.packets.push({ cmd: ACK_COMMAND[type], messageId: packetId, reasonCode });
  }

  pingreq(): void {
    this.packets.push({ cmd: 'pingreq' });
  }

  packet(packet: ControlPacket): void {
    this.packets.push(plainControlPacket(packet));
  }
}

function plainControlPacket(packet: Packet): Plain {
  return JSON.parse(JSON.stringify(packet)) as Plain;
}

/** What mqtt-packet reads from whole packets, in the same plain form. */
export function readByLibrary(packets: readonly Buffer[], version: ProtocolVersion): Plain[] {
  const found: Plain[] = [];
  for (const bytes of packets) {
    const library = parser({ protocolVersion: version });
    library.on('error', (error: unknown) => {
      throw error;
    });
    library.on('packet', (packet) => found.push(plain(packet)));
    library.parse(bytes);
  }
  return found;
}

function plain(packet: Packet): Plain {
  switch (packet.cmd) {
    case 'publish': {
      const properties = packet.properties ?? {};
      return {
        cmd: 'publish',
        topic: packet.topic,
        qos: packet.qos,
        dup: packet.dup,
        retain: packet.retain,
        messageId: packet.messageId ?? 0,
        payload: Buffer.from(packet.payload).toString('hex'),
        payloadFormatIndicator:
          properties.payloadFormatIndicator === undefined
            ? ABSENT
            : Number(properties.payloadFormatIndicator),
        messageExpiryInterval: properties.messageExpiryInterval ?? ABSENT,
        topicAlias: properties.topicAlias ?? 0,
        contentType: properties.contentType,
        responseTopic: properties.responseTopic,
        correlationData: properties.correlationData?.toString('hex'),
        userProperties: { ...properties.userProperties },
      };
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return { cmd: packet.cmd, messageId: packet.messageId, reasonCode: packet.reasonCode ?? 0 };
    case 'pingreq':
      return { cmd: 'pingreq' };
    default:
      return plainControlPacket(packet);
  }
}
