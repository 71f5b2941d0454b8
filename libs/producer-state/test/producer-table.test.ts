// What a shard remembers of its producers (rule R6, KIP-98): a repeat is found, a gap refused, and what was never
// appended leaves no trace.

import { type BrokerError } from '@robustmq/errors';
import { ProducerQuota, ProducerTable, type ProducerBatch } from '../src/producer-table.ts';

const ID = 7;
const LAST_SEQUENCE = 2 ** 31 - 1;

function newTable(quota = new ProducerQuota(1_000)): ProducerTable {
  return new ProducerTable({ isGateway: (producerId) => producerId >= 1_000_000, quota });
}

const batch = (baseSequence: number, records = 1, producerEpoch = 0): ProducerBatch => ({
  producerId: ID,
  producerEpoch,
  baseSequence,
  lastSequence: (baseSequence + records - 1) % 2 ** 31,
});

/** `append`, the first offset of the remembered copy, or the code of the refusal. */
function verdict(table: ProducerTable, next: ProducerBatch, strict = false): string {
  try {
    const known = table.check(next, strict);
    return known === undefined ? 'append' : `repeat of ${known.baseOffset}`;
  } catch (error) {
    return (error as BrokerError).code;
  }
}

/** Appends for good. */
function append(table: ProducerTable, sequences: readonly number[], firstOffset = sequences[0] ?? 0): void {
  sequences.forEach((sequence, index) =>
    table.appended(batch(sequence), firstOffset + index, firstOffset + index, 1000),
  );
}

describe('verdicts', () => {
  const table = newTable();
  append(table, [0, 1, 2, 3, 4, 5, 6]);

  test.each<[string, ProducerBatch, string]>([
    ['the next one', batch(7), 'append'],
    ['the last one again', batch(6), 'repeat of 6'],
    ['the fifth last again', batch(2), 'repeat of 2'],
    ['an older one again', batch(1), 'duplicate'],
    ['a gap', batch(8), 'out_of_order'],
    ['a newer epoch from its start', batch(0, 1, 1), 'append'],
    ['a newer epoch that does not begin', batch(7, 1, 1), 'out_of_order'],
  ])('%s', (_name, next, expected) => {
    expect(verdict(table, next)).toBe(expected);
  });

  test('an unknown producer begins at 0 if it is a gateway', () => {
    expect(verdict(newTable(), batch(3), true)).toBe('out_of_order');
    expect(verdict(newTable(), batch(3), false)).toBe('append');
  });

  test('sequences wrap', () => {
    const wrapping = newTable();
    wrapping.appended(batch(LAST_SEQUENCE, 2), 0, 1, 1000);
    expect(verdict(wrapping, batch(1))).toBe('append');
    expect(verdict(wrapping, batch(LAST_SEQUENCE, 2))).toBe('repeat of 0');
    expect(verdict(wrapping, batch(2))).toBe('out_of_order');
    expect(verdict(wrapping, batch(LAST_SEQUENCE - 5))).toBe('duplicate');
  });

  test('an older epoch is fenced', () => {
    const fenced = newTable();
    fenced.appended(batch(0, 1, 3), 0, 0, 1000);
    expect(verdict(fenced, batch(1, 1, 2))).toBe('fenced');
  });
});

describe('a tick that could not be written leaves no trace (L6, R6)', () => {
  test('five batches had pushed out all that was remembered', () => {
    const table = newTable();
    append(table, [0, 1, 2, 3, 4]);
    for (let sequence = 5; sequence < 10; sequence++)
      table.assigned(batch(sequence), sequence, sequence, 1000);
    expect(verdict(table, batch(9))).toBe('repeat of 9');
    table.takeBack();
    expect(verdict(table, batch(4))).toBe('repeat of 4');
    expect(verdict(table, batch(0))).toBe('repeat of 0');
    expect(verdict(table, batch(5))).toBe('append');
    // The refused ones come again in order: the second must not overtake the first.
    expect(verdict(table, batch(6))).toBe('out_of_order');
  });

  test('a first batch is unknown again', () => {
    const table = newTable();
    table.assigned(batch(0), 0, 0, 1000);
    table.takeBack();
    expect(table.size).toBe(0);
    expect(verdict(table, batch(1), true)).toBe('out_of_order');
  });

  test('a newer epoch is taken back with its batch', () => {
    const table = newTable();
    append(table, [0, 1]);
    table.assigned(batch(0, 1, 1), 2, 2, 1000);
    table.takeBack();
    expect(verdict(table, batch(2))).toBe('append');
    expect(verdict(table, batch(1))).toBe('repeat of 1');
  });

  test('what was written stays', () => {
    const table = newTable();
    table.assigned(batch(0), 0, 0, 1000);
    table.keep();
    table.assigned(batch(1), 1, 1, 1000);
    table.takeBack();
    expect(verdict(table, batch(0))).toBe('repeat of 0');
    expect(verdict(table, batch(1))).toBe('append');
  });
});

describe('who is forgotten (I8, R6)', () => {
  const GATEWAY = 1_000_000;
  const of = (producerId: number, baseSequence = 0): ProducerBatch => ({
    producerId,
    producerEpoch: 0,
    baseSequence,
    lastSequence: baseSequence,
  });
  const NOBODY = (): boolean => false;

  test('who has been silent for too long', () => {
    const table = newTable();
    table.appended(of(1), 0, 0, 1_000);
    table.appended(of(2), 1, 1, 1_500);
    table.expire(2_000, 1_000, NOBODY);
    expect(table.size).toBe(2);
    table.expire(2_001, 1_000, NOBODY);
    expect([...table.entries()].map(([producerId]) => producerId)).toEqual([2]);
  });

  test('R6: a gateway that lives is known however long it had nothing to write, one that is gone is not', () => {
    const table = newTable();
    table.appended(of(GATEWAY), 0, 0, 0);
    for (let day = 1; day <= 30; day++)
      table.expire(day * 1_000, 500, (producerId) => producerId === GATEWAY);
    expect(verdict(table, of(GATEWAY, 1), true)).toBe('append');
    table.expire(30_400, 500, NOBODY);
    expect(table.size).toBe(1);
    table.expire(30_501, 500, NOBODY);
    expect(table.size).toBe(0);
  });

  test('I8: half a million producers take the place of those that were silent for longest', () => {
    const quota = new ProducerQuota(1_000);
    const table = newTable(quota);
    table.appended(of(GATEWAY), 0, 0, 0);
    for (let producerId = 1; producerId <= 500_000; producerId++) {
      table.appended(of(producerId), producerId, producerId, producerId);
      // One of them keeps writing.
      if (producerId % 500 === 0) table.appended(of(1, producerId / 500), producerId, producerId, producerId);
    }
    expect([table.size, quota.used, quota.evicted]).toEqual([1_000, 1_000, 500_001 - 1_000]);
    expect(verdict(table, of(GATEWAY))).toBe('repeat of 0');
    expect(verdict(table, of(1, 1_000))).toBe('repeat of 500000');
    expect(verdict(table, of(499_500))).toBe('repeat of 499500');
    expect(verdict(table, of(490_000))).toBe('append');
  });

  test('I8: tables of one process share the quota, and the one that grows pays', () => {
    const quota = new ProducerQuota(10);
    const quiet = newTable(quota);
    const busy = newTable(quota);
    for (let producerId = 0; producerId < 4; producerId++) quiet.appended(of(producerId), 0, 0, 0);
    for (let producerId = 0; producerId < 100; producerId++) busy.appended(of(producerId), 0, 0, 1);
    expect([quiet.size, busy.size, quota.used]).toEqual([4, 6, 10]);
    busy.drop();
    expect(quota.used).toBe(4);
  });

  test('a tick that is taken back takes back its places', () => {
    const quota = new ProducerQuota(10);
    const table = newTable(quota);
    for (let producerId = 0; producerId < 8; producerId++) table.assigned(of(producerId), 0, 0, 0);
    table.takeBack();
    expect([table.size, quota.used]).toEqual([0, 0]);
  });
});

describe('a truncation (R4)', () => {
  test('removes what it cut, and says whether something older is missing', () => {
    const table = newTable();
    append(table, [0, 1, 2, 3, 4, 5, 6]);
    expect(table.truncateTo(7)).toBe(true);
    expect(table.truncateTo(5)).toBe(false);
    expect(verdict(table, batch(5))).toBe('append');
    expect(verdict(table, batch(4))).toBe('repeat of 4');
    expect(table.truncateTo(0)).toBe(false);
    expect(table.size).toBe(0);
  });
});
