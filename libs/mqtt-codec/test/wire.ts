// Packets built byte by byte, for what no generator would write.

import { generate } from 'mqtt-packet';
import { BrokerError } from '@robustmq/errors';
import { MqttDecoder, TopicCache, type DecoderSink, type ProtocolVersion } from '../src/index.ts';
import { RecordingSink } from './recording-sink.ts';

export type Part = number | string | Uint8Array;

/** Bytes of numbers (one each), strings (UTF-8 behind their length) and byte arrays, in their order. */
export function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.of(part);
      if (typeof part !== 'string') return Buffer.from(part);
      const text = Buffer.from(part);
      return Buffer.concat([Buffer.of(text.length >> 8, text.length & 0xff), text]);
    }),
  );
}

/** A packet with its Remaining Length. */
export function packet(first: number, ...parts: readonly Part[]): Buffer {
  const body = bytes(...parts);
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.of(first, ...length), body]);
}

/** A property section: its length and content. */
export function section(...parts: readonly Part[]): Buffer {
  const content = bytes(...parts);
  return Buffer.concat([Buffer.of(content.length), content]);
}

export function connectBytes(version: ProtocolVersion): Buffer {
  return generate({
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clientId: 'c',
    clean: true,
    keepalive: 0,
  });
}

/** A decoder that has read a CONNECT. */
export function connectedDecoder(version: ProtocolVersion, maxPacketBytes = 1 << 20): MqttDecoder {
  const decoder = new MqttDecoder({ topics: new TopicCache() });
  decoder.push(connectBytes(version), new RecordingSink());
  decoder.maxPacketBytes = maxPacketBytes;
  return decoder;
}

/** The error that reading `input` ends with, or null. Anything but a BrokerError fails the test. */
export function errorOf(
  decoder: MqttDecoder,
  input: Buffer,
  sink: DecoderSink = new RecordingSink(),
): BrokerError | null {
  try {
    decoder.push(input, sink);
    return null;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return error;
  }
}
