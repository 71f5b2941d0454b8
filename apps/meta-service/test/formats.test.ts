// Entries, applied marks and row keys, read from docs/en/formats/meta-log.md alone.
import { create, toBinary } from '@bufbuild/protobuf';
import { CommandSchema } from '@robustmq/rpc';
import { expiryKey, groupKey, offsetKey, ownerKey, sessionKey } from '../src/data/keys.ts';
import { encodeMark, sectionsOf } from '../src/log/log-entries.ts';
import { APPLIED_KEY } from '../src/log/checkpoint-rule.ts';
import { dataGroupOf } from '../src/slots.ts';

/** CRC-32C bit by bit, as its definition has it. */
function foreignCrc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test('a section is entries end to end: length, index, command', () => {
  const commands = [1n, 2n, 3n].map((nowMs) => toBinary(CommandSchema, create(CommandSchema, { nowMs })));
  const entries = [
    { group: 0, index: 5, bytes: commands[0]! },
    { group: 2, index: 2 ** 40, bytes: commands[1]! },
    { group: 0, index: 6, bytes: commands[2]! },
  ];
  const sections = sectionsOf(entries);
  expect(sections.map(({ kind, key, subKey }) => [kind, key, subKey])).toEqual([
    [1, 0, 0],
    [1, 2, 0],
  ]);
  const read = sections.flatMap(({ key, buffers }) => {
    const bytes = Buffer.concat(buffers);
    const found: { group: number; index: number; bytes: Buffer }[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 10 + bytes.readUInt32BE(at);
      found.push({ group: key, index: bytes.readUIntBE(at + 4, 6), bytes: bytes.subarray(at + 10, end) });
      at = end;
    }
    return found;
  });
  expect(read).toEqual(
    [entries[0]!, entries[2]!, entries[1]!].map((entry) => ({ ...entry, bytes: Buffer.from(entry.bytes) })),
  );
});

test('the applied mark is row a: index and position, 6 bytes each', () => {
  const mark = encodeMark({ index: 7, position: 2 ** 41 });
  expect(APPLIED_KEY.toString()).toBe('a');
  expect([mark.length, mark.readUIntBE(0, 6), mark.readUIntBE(6, 6)]).toEqual([12, 7, 2 ** 41]);
});

test.each([
  ['session', sessionKey('acme', 'c 1'), 's·acme·c 1'],
  ['sessions by owner', ownerKey('mqtt-1', 12n, 'acme', 'c'), 'w·mqtt-1·12·acme·c'],
  ['sessions by expiry', expiryKey(1234n, 'acme', 'c'), 'e·00000000000000001234·acme·c'],
  ['group', groupKey('acme', 'g'), 'g·acme·g'],
])('key of a %s', (_name, key, expected) => {
  expect(key.toString('utf8').replaceAll('\0', '·')).toBe(expected);
});

test('key of an offset ends with stream id and shard, 4 bytes each', () => {
  const key = offsetKey('acme', 'g', 0x01020304, 9);
  expect(key.subarray(0, -8).toString().replaceAll('\0', '·')).toBe('o·acme·g·');
  expect([key.readUInt32BE(key.length - 8), key.readUInt32BE(key.length - 4)]).toEqual([0x01020304, 9]);
});

test('a session lives in the data group of its slot', () => {
  for (const id of ['a', 'sensor-7', '温度'])
    expect(dataGroupOf('acme', id, 4)).toBe((foreignCrc32c(Buffer.from(`acme\0${id}`)) % 256) % 4);
});
