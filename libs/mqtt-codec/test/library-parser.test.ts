// One parser of the library serves many packets and clients: none of them finds anything of another.

import { BrokerError } from '@robustmq/errors';
import { decodeByLibrary } from '../src/library-parser.ts';
import type { ProtocolVersion } from '../src/index.ts';
import { bytes, connectBytes } from './wire.ts';

const CONNECT = 0x10;
const SUBSCRIBE = 0x82;
const BRIDGE = 0x80;
const CLEAN = 0x02;

const decode = (first: number, fields: Buffer, version: ProtocolVersion) =>
  decodeByLibrary(first, fields, 0, fields.length, version);
const connectOf = (clientId: string, level: number): Buffer =>
  bytes('MQTT', level, CLEAN, 0, 0, ...(level === 5 ? [0] : []), clientId);

describe('decodeByLibrary', () => {
  test.each([3, 4, 5] as const)('reads packets of version %d one after the other', (version) => {
    const fields = connectBytes(version).subarray(2);
    const first = decode(CONNECT, fields, version);
    const second = decode(CONNECT, fields, version);
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
    expect(first).toMatchObject({ cmd: 'connect', clientId: 'c', protocolVersion: version });
  });

  test('a packet that is refused leaves nothing to the next one', () => {
    for (const broken of [bytes('MQTT', 4, CLEAN, 0, 0), bytes('MQTT', 4, CLEAN), bytes('NO', 4), bytes()]) {
      expect(() => decode(CONNECT, broken, 4)).toThrow(BrokerError);
      expect(decode(CONNECT, connectOf('next', 4), 4)).toMatchObject({ clientId: 'next' });
    }
  });

  test('what a CONNECT says of its connection holds for no other', () => {
    const subscribe = bytes(0, 7, 'a/b', 1);
    const alone = decode(SUBSCRIBE, subscribe, 4);
    expect(decode(CONNECT, connectOf('bridge', BRIDGE | 4), 4)).toMatchObject({ bridgeMode: true });
    expect(decode(SUBSCRIBE, subscribe, 4)).toEqual(alone);
    decode(CONNECT, connectOf('five', 5), 4);
    expect(decode(SUBSCRIBE, subscribe, 4)).toEqual(alone);
  });

  test('versions do not mix', () => {
    decode(CONNECT, connectOf('four', 4), 4);
    const withProperties = bytes(0, 7, 0, 'a/b', 1);
    expect(decode(SUBSCRIBE, withProperties, 5)).toMatchObject({ subscriptions: [{ topic: 'a/b', qos: 1 }] });
  });
});
