// What a shard remembers of its producers (rule R6, KIP-98): a repeat is found, a gap refused, and what was never
// appended leaves no trace.

import { type BrokerError } from '@robustmq/errors';
import { ProducerTable, type ProducerBatch } from '../src/producer-table.ts';

const ID = 7;
const LAST_SEQUENCE = 2 ** 31 - 1;

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
  const table = new ProducerTable();
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
    expect(verdict(new ProducerTable(), batch(3), true)).toBe('out_of_order');
    expect(verdict(new ProducerTable(), batch(3), false)).toBe('append');
  });

  test('sequences wrap', () => {
    const wrapping = new ProducerTable();
    wrapping.appended(batch(LAST_SEQUENCE, 2), 0, 1, 1000);
    expect(verdict(wrapping, batch(1))).toBe('append');
    expect(verdict(wrapping, batch(LAST_SEQUENCE, 2))).toBe('repeat of 0');
    expect(verdict(wrapping, batch(2))).toBe('out_of_order');
    expect(verdict(wrapping, batch(LAST_SEQUENCE - 5))).toBe('duplicate');
  });

  test('an older epoch is fenced', () => {
    const fenced = new ProducerTable();
    fenced.appended(batch(0, 1, 3), 0, 0, 1000);
    expect(verdict(fenced, batch(1, 1, 2))).toBe('fenced');
  });
});

describe('a tick that could not be written leaves no trace (L6, R6)', () => {
  test('five batches had pushed out all that was remembered', () => {
    const table = new ProducerTable();
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
    const table = new ProducerTable();
    table.assigned(batch(0), 0, 0, 1000);
    table.takeBack();
    expect(table.size).toBe(0);
    expect(verdict(table, batch(1), true)).toBe('out_of_order');
  });

  test('a newer epoch is taken back with its batch', () => {
    const table = new ProducerTable();
    append(table, [0, 1]);
    table.assigned(batch(0, 1, 1), 2, 2, 1000);
    table.takeBack();
    expect(verdict(table, batch(2))).toBe('append');
    expect(verdict(table, batch(1))).toBe('repeat of 1');
  });

  test('what was written stays', () => {
    const table = new ProducerTable();
    table.assigned(batch(0), 0, 0, 1000);
    table.keep();
    table.assigned(batch(1), 1, 1, 1000);
    table.takeBack();
    expect(verdict(table, batch(0))).toBe('repeat of 0');
    expect(verdict(table, batch(1))).toBe('append');
  });
});

test('producers that have not written for long are forgotten', () => {
  const table = new ProducerTable();
  table.appended(batch(0), 0, 0, 1000);
  table.expire(1000);
  expect(table.size).toBe(1);
  table.expire(1001);
  expect(table.size).toBe(0);
});

test('a snapshot holds the batches below its end, and damage to it is seen', () => {
  const table = new ProducerTable();
  append(table, [0, 1, 2]);
  const bytes = table.encode(2);
  const { table: again, endOffset } = ProducerTable.decode(bytes);
  expect(endOffset).toBe(2);
  expect(verdict(again, batch(1))).toBe('repeat of 1');
  expect(verdict(again, batch(2))).toBe('append');
  for (const cut of [0, 1, 5, bytes.length - 1])
    expect(() => ProducerTable.decode(bytes.subarray(0, cut))).toThrow('damaged');
});
