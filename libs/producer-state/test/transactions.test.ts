// Transactions of a shard (KIP-98, I2): the last stable offset never shows what may still be aborted.

import { Transactions } from '../src/transactions.ts';

let transactions: Transactions;

beforeEach(() => {
  transactions = new Transactions();
});

test('I2: nothing at or behind the first open transaction is stable, whatever was decided behind it', () => {
  transactions.appended(1, 10);
  transactions.appended(2, 20);
  transactions.appended(1, 30);
  expect(transactions.highWatermark(40)).toBe(10);
  transactions.decided(2, 'commit', 40);
  expect(transactions.highWatermark(50)).toBe(10);
  transactions.decided(1, 'abort', 50);
  // The marker is written, not committed: a truncation may still take it.
  expect(transactions.highWatermark(50)).toBe(10);
  expect(transactions.highWatermark(51)).toBe(51);
});

test('HW below the first transaction is stable as it is', () => {
  transactions.appended(1, 10);
  expect(transactions.highWatermark(7)).toBe(7);
});

test('aborted transactions are named to who reads their records, and no longer than these are there', () => {
  transactions.appended(1, 10);
  transactions.decided(1, 'abort', 19);
  transactions.appended(1, 20);
  transactions.decided(1, 'commit', 29);
  transactions.appended(2, 22);
  transactions.decided(2, 'abort', 35);
  const named = (from: number, to: number): number[] =>
    transactions.abortedIn(from, to).map(({ firstOffset }) => firstOffset);
  expect([named(0, 100), named(0, 10), named(20, 22), named(19, 23), named(36, 99)]).toEqual([
    [10, 22],
    [],
    [],
    [10, 22],
    [],
  ]);
  transactions.deleteBelow(20);
  expect(named(0, 100)).toEqual([22]);
});

test('a marker without a transaction decides nothing', () => {
  transactions.decided(5, 'abort', 3);
  expect([transactions.abortedIn(0, 9), transactions.highWatermark(9)]).toEqual([[], 9]);
});

test('R4: a truncated marker opens its transaction again, a truncated beginning forgets it', () => {
  transactions.appended(1, 10);
  transactions.appended(2, 15);
  transactions.decided(1, 'abort', 20);
  transactions.truncateTo(18);
  expect([transactions.highWatermark(18), transactions.abortedIn(0, 99)]).toEqual([10, []]);
  transactions.truncateTo(12);
  expect([...transactions.open]).toEqual([[1, 10]]);
  transactions.truncateTo(5);
  expect(transactions.highWatermark(5)).toBe(5);
});
