// Entries, applied marks and row keys, read from docs/en/formats/meta-log.md alone.
import { create, toBinary } from '@bufbuild/protobuf';
import type { RecoveredSection, Section } from '@robustmq/commit-log';
import { CommandSchema, SlotPlacementSchema } from '@robustmq/rpc';
import { expiryKey, groupKey, offsetKey, ownerKey, sessionKey } from '../src/data/keys.ts';
import { decodeMark, encodeMark, entriesOf, sectionsOf } from '../src/log/log-entries.ts';
import { snapshotOf, snapshotSection, voteOf, voteSection } from '../src/log/log-sections.ts';
import { APPLIED_KEY } from '../src/log/checkpoint-rule.ts';
import { checkPlacement, slotOf, spreadSlots } from '../src/slots.ts';

/** CRC-32C bit by bit, as its definition has it. */
function foreignCrc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test('a section is its version, then entries end to end: length, index, term, kind, command', () => {
  const commands = [1n, 2n, 3n].map((nowMs) => toBinary(CommandSchema, create(CommandSchema, { nowMs })));
  const entries = [
    { group: 0, index: 5, term: 1, bytes: commands[0]! },
    { group: 2, index: 2 ** 40, term: 2 ** 33, bytes: commands[1]! },
    { group: 0, index: 6, term: 1, bytes: commands[2]! },
  ];
  const sections = sectionsOf(entries);
  expect(sections.map(({ kind, key, subKey }) => [kind, key, subKey])).toEqual([
    [1, 0, 0],
    [1, 2, 0],
  ]);
  const read = sections.flatMap(({ key, buffers }) => {
    const bytes = Buffer.concat(buffers);
    expect(bytes[0]).toBe(1);
    const found: object[] = [];
    for (let at = 1; at < bytes.length;) {
      const end = at + 17 + bytes.readUInt32BE(at);
      const [index, term] = [bytes.readUIntBE(at + 4, 6), bytes.readUIntBE(at + 10, 6)];
      expect(bytes[at + 16]).toBe(1);
      found.push({ group: key, index, term, bytes: bytes.subarray(at + 17, end) });
      at = end;
    }
    return found;
  });
  expect(read).toEqual(
    [entries[0]!, entries[2]!, entries[1]!].map((entry) => ({ ...entry, bytes: Buffer.from(entry.bytes) })),
  );
});

test('the applied mark is row a: version, then index, term and position, 6 bytes each', () => {
  const mark = encodeMark({ index: 7, term: 3, position: 2 ** 41 });
  expect(APPLIED_KEY.toString()).toBe('a');
  expect([
    mark.length,
    mark[0],
    mark.readUIntBE(1, 6),
    mark.readUIntBE(7, 6),
    mark.readUIntBE(13, 6),
  ]).toEqual([19, 1, 7, 3, 2 ** 41]);
});

const asRecovered = ({ kind, key, subKey, buffers }: Section): RecoveredSection => ({
  kind,
  key,
  subKey,
  damaged: false,
  bytes: Buffer.concat(buffers),
});

test('a vote is version, term, and the length and bytes of a node id', () => {
  const section = asRecovered(voteSection({ group: 3, term: 2 ** 40, nodeId: 'meta-2' }));
  expect([section.kind, section.key]).toEqual([2, 3]);
  expect(section.bytes.toString('hex')).toBe(
    `01${'010000000000'}0006${Buffer.from('meta-2').toString('hex')}`,
  );
  expect(voteOf(section)).toEqual({ group: 3, term: 2 ** 40, nodeId: 'meta-2' });
  expect(voteOf({ ...section, kind: 1 })).toBeUndefined();
  for (const bytes of [section.bytes.subarray(0, 8), section.bytes.subarray(0, -1)])
    expect(() => voteOf({ ...section, bytes })).toThrow(expect.objectContaining({ code: 'corrupt' }));
});

test('a snapshot mark is version, index and term', () => {
  const section = asRecovered(snapshotSection({ group: 1, index: 258, term: 2 }));
  expect([section.kind, section.key, section.bytes.toString('hex')]).toEqual([
    3,
    1,
    '01000000000102000000000002',
  ]);
  expect(snapshotOf(section)).toEqual({ group: 1, index: 258, term: 2 });
  expect(snapshotOf({ ...section, kind: 2 })).toBeUndefined();
  const short = { ...section, bytes: section.bytes.subarray(0, -1) };
  expect(() => snapshotOf(short)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});

test('N17: what a later version wrote is refused, not guessed', () => {
  const refused = expect.objectContaining({ code: 'unsupported' });
  const later = Buffer.from([2, 0, 0]);
  for (const [kind, read] of [
    [1, entriesOf],
    [2, voteOf],
    [3, snapshotOf],
  ] as const)
    expect(() => read({ kind, key: 0, subKey: 0, damaged: false, bytes: later })).toThrow(refused);
  expect(() => decodeMark(Buffer.alloc(19, 2))).toThrow(refused);
  const membership = Buffer.alloc(18);
  membership[0] = 1;
  membership[17] = 2;
  expect(() => entriesOf({ kind: 1, key: 0, subKey: 0, damaged: false, bytes: membership })).toThrow(refused);
});

test('an entry of kind 3 says nothing: a new leader commits with it what it found', () => {
  const noop = Buffer.alloc(18);
  noop[0] = 1;
  noop.writeUIntBE(9, 5, 6);
  noop.writeUIntBE(4, 11, 6);
  noop[17] = 3;
  const section = { kind: 1, key: 2, subKey: 0, damaged: false, bytes: noop };
  expect(entriesOf(section)).toEqual([{ group: 2, index: 9, term: 4, kind: 'noop' }]);
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

test('a session lives in the data group that row p of the cluster gives its slot', () => {
  for (const id of ['a', 'sensor-7', '温度'])
    expect(slotOf('acme', id)).toBe(foreignCrc32c(Buffer.from(`acme\0${id}`)) % 256);
  expect(spreadSlots(4).dataGroups).toEqual(Array.from({ length: 256 }, (_, slot) => slot % 4));
  expect(() => checkPlacement(spreadSlots(4), 4)).not.toThrow();
  for (const placement of [spreadSlots(5), create(SlotPlacementSchema, { dataGroups: [0] })])
    expect(() => checkPlacement(placement, 4)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});
