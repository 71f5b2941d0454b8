// Appends under a gateway's own producer ids (rule R6): in order, five in flight, repeated in order after errors and
// reconnects, numbered anew when a batch is given up.

import type { BrokerError } from '@robustmq/errors';
import { RecordBatchBuilder, RecordCursor } from '@robustmq/record-batch';
import type { AppendQueue, JournalClient } from '../src/index.ts';
import type { ShardAppenderOptions } from '../src/shard-queues.ts';
import { connect, TestDirectory } from './connected.ts';
import { ScriptedJournal, until } from './scripted-journal.ts';

const FACTS = { qos: 1, retain: false };
let journal: ScriptedJournal;
let directory: TestDirectory;
let client: JournalClient;
let outcomes: { tokens: readonly string[]; code: string; baseOffset: number }[];
let unblocked: number;

beforeEach(async () => {
  journal = new ScriptedJournal();
  await journal.start();
  directory = new TestDirectory(journal);
  client = connect(directory);
  outcomes = [];
  unblocked = 0;
  await until(() => client.connected, 'connection');
});

afterEach(async () => {
  client.close();
  await journal.close();
});

function queueOf(more: Partial<ShardAppenderOptions<string>> = {}, memory = false): AppendQueue<string> {
  const appender = client.appender<string>({
    onOutcome: (_queue, tokens, error: BrokerError | undefined, baseOffset) =>
      outcomes.push({ tokens, code: error?.code ?? '', baseOffset }),
    onUnblocked: () => unblocked++,
    ...more,
  });
  return appender.queue(1, 0, { acknowledgeInMemory: memory });
}

function append(queue: AppendQueue<string>, value: string): boolean {
  return queue.appendMqtt(1, 't', Buffer.from(value), 0, value.length, FACTS, null, value);
}

/** Appends values that leave in a batch each. */
async function appendApart(queue: AppendQueue<string>, values: readonly string[]): Promise<void> {
  for (const value of values) {
    const before = journal.appends.length;
    append(queue, value);
    await until(() => journal.appends.length > before, `batch of ${value}`);
  }
}

function batchOf(value: string): Buffer {
  const builder = new RecordBatchBuilder();
  builder.append(1, null, Buffer.from(value));
  return builder.finishCopy();
}

const sentValues = (): string[] => journal.appends.map((each) => each.values.join());
const sequences = (): number[] => journal.appends.map((each) => each.baseSequence);

test('what is appended in one turn is one batch, and its tokens get one outcome', async () => {
  const queue = queueOf();
  for (const value of ['a', 'b', 'c']) expect(append(queue, value)).toBe(true);
  await until(() => journal.appends.length === 1, 'batch');
  expect(journal.appends[0]).toMatchObject({ values: ['a', 'b', 'c'], baseSequence: 0, producerId: 1000 });
  expect(journal.appends[0]!.section).toMatchObject({ acks: -1, minRevision: 7n, streamId: 1 });
  journal.answer(journal.appends[0]!, { baseOffset: 40n });
  await until(() => outcomes.length === 1, 'outcome');
  expect(outcomes).toEqual([{ tokens: ['a', 'b', 'c'], code: '', baseOffset: 40 }]);
  expect(queue.unacknowledgedRecords).toBe(0);
});

test('five batches are in flight; the open one grows until one is answered', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a', 'b', 'c', 'd', 'e']);
  for (const value of ['f', 'g', 'h']) append(queue, value);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sentValues()).toEqual(['a', 'b', 'c', 'd', 'e']);
  journal.answer(journal.appends[0]!);
  await until(() => journal.appends.length === 6, 'the sixth');
  expect(sentValues()[5]).toBe('f,g,h');
  expect(sequences()).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a full open batch blocks, and unblocks with the next answer', async () => {
  const queue = queueOf({ maxBatchBytes: 300 });
  await appendApart(queue, ['a', 'b', 'c', 'd', 'e']);
  let taken = 0;
  while (append(queue, `v${taken}`.padEnd(50, '.'))) taken++;
  expect(queue.blocked).toBe(true);
  expect(append(queue, 'x')).toBe(false);
  expect(taken).toBeGreaterThan(1);
  journal.answer(journal.appends[0]!);
  await until(() => unblocked === 1, 'unblocked');
  expect(append(queue, 'x')).toBe(true);
});

test('N13: what is gathered stays below what its stream takes, whatever that is by now', async () => {
  const appender = client.appender<string>({ onOutcome: () => undefined, onUnblocked: () => undefined });
  const values = Array.from({ length: 9 }, (_, at) => `v${at}`.padEnd(100, '.'));
  const appendAll = async (maxBatchBytes?: number): Promise<number[]> => {
    const from = journal.appends.length;
    for (const value of values) append(appender.queue(1, 0, maxBatchBytes ? { maxBatchBytes } : {}), value);
    await until(() => journal.appends.slice(from).flatMap((each) => each.values).length === 9, 'all');
    const arrived = journal.appends.slice(from);
    for (const each of arrived) journal.answer(each);
    await until(() => appender.queue(1, 0).unacknowledgedRecords === 0, 'answers');
    return arrived.map(({ section }) => section.sizeBytes);
  };
  const small = await appendAll(500);
  expect(Math.max(...small)).toBeLessThanOrEqual(500);
  expect(small).toHaveLength(3);
  expect(await appendAll()).toHaveLength(1);
  expect(() => append(appender.queue(1, 0, { maxBatchBytes: 90 }), values[0]!)).toThrow('limit of 90');
});

test('a record that no batch can hold is refused at once', () => {
  const queue = queueOf({ maxBatchBytes: 300 });
  expect(() => append(queue, 'y'.repeat(400))).toThrow('limit');
});

test('after a retriable error all unacknowledged batches go again, in order, before anything new', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a', 'b', 'c']);
  const [a, b, c] = journal.appends;
  journal.answer(a!, { failure: { code: 'not_leader' } });
  // The answer to a produce behind it shows that the refusal has arrived.
  const produced = new Promise<void>((resolve) => {
    const request = { streamId: 2, shard: 0, batch: Buffer.from(batchOf('p')), acks: -1, timeoutMs: 100 };
    client.produce(request, () => resolve());
  });
  await until(() => journal.appends.length === 4, 'produce');
  journal.answer(journal.appends.pop()!);
  await produced;
  append(queue, 'new');
  journal.answer(b!, { failure: { code: 'out_of_order' } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  // Nothing moves before the last answer is there.
  expect(journal.appends).toHaveLength(3);
  journal.answer(c!, { failure: { code: 'out_of_order' } });
  await until(() => journal.appends.length === 7, 'repeats');
  expect(sentValues().slice(3)).toEqual(['a', 'b', 'c', 'new']);
  expect(sequences().slice(3)).toEqual([0, 1, 2, 3]);
  expect(outcomes).toEqual([]);
});

test('a batch that can never succeed fails alone; its successors are numbered anew', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a', 'b', 'c']);
  const [a, b, c] = journal.appends;
  journal.answer(a!, { baseOffset: 0n });
  journal.answer(b!, { failure: { code: 'too_large' } });
  journal.answer(c!, { failure: { code: 'out_of_order' } });
  await until(() => journal.appends.length === 4, 'repeat');
  expect(journal.appends[3]).toMatchObject({ values: ['c'], baseSequence: 1 });
  await until(() => outcomes.length === 2, 'outcomes');
  expect(outcomes.map((each) => [each.tokens.join(), each.code])).toEqual([
    ['a', ''],
    ['b', 'too_large'],
  ]);
});

test('a gap that only the journal sees: a fresh producer id of the range, then none is left', async () => {
  const queue = queueOf();
  journal.onAppend = () => ({ failure: { code: 'out_of_order' } });
  append(queue, 'a');
  await until(() => outcomes.length === 1, 'failure');
  expect(journal.appends.map((each) => [each.producerId, each.baseSequence])).toEqual([
    [1000, 0],
    [1001, 0],
    [1002, 0],
  ]);
  expect(outcomes[0]!.code).toBe('out_of_order');
});

test('R6, I1: without a fresh producer id no sequence is used for other records', async () => {
  const queue = queueOf();
  journal.onAppend = () => ({ failure: { code: 'out_of_order' } });
  append(queue, 'a');
  await until(() => outcomes.length === 1, 'failure');
  append(queue, 'b');
  await until(() => outcomes.length === 2, 'second failure');
  const last = journal.appends.filter(({ producerId }) => producerId === 1002);
  expect(last.map(({ values, baseSequence }) => [values.join(), baseSequence])).toEqual([
    ['a', 0],
    ['b', 1],
  ]);
});

test('R6: queues of deleted streams leave the producer ids to the others', async () => {
  for (let streamId = 10; streamId < 20; streamId++) {
    const appender = client.appender<string>({ onOutcome: () => undefined, onUnblocked: () => undefined });
    appender.queue(streamId, 0);
    appender.drop(streamId, 0);
  }
  const queue = queueOf();
  await appendApart(queue, ['a']);
  journal.answer(journal.appends[0]!, { failure: { code: 'out_of_order' } });
  await until(() => journal.appends.length === 2, 'repeat');
  expect(journal.appends[1]).toMatchObject({ producerId: 1001, baseSequence: 0, values: ['a'] });
});

test('R6: a fenced producer gives up everything; what comes next has another id and numbers from 0', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a', 'b']);
  for (const each of [...journal.appends]) journal.answer(each, { failure: { code: 'fenced' } });
  await until(() => outcomes.length === 2, 'failures');
  expect(outcomes.map((each) => each.code)).toEqual(['fenced', 'fenced']);
  await appendApart(queue, ['c']);
  expect(journal.appends.at(-1)).toMatchObject({ producerId: 1001, baseSequence: 0 });
});

test('a broken stream: the same batches again on the next one', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a', 'b']);
  journal.breakStream();
  append(queue, 'c');
  await until(() => journal.appends.length >= 2, 'repeats');
  await until(() => sentValues().join() === 'a,b,c', 'all three');
  expect(journal.streams).toBe(2);
  expect(sequences()).toEqual([0, 1, 2]);
  for (const each of [...journal.appends]) journal.answer(each);
  await until(() => outcomes.length === 3, 'outcomes');
});

test('a repeat that the journal no longer remembers counts as appended', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a']);
  journal.answer(journal.appends[0]!, { failure: { code: 'duplicate' }, baseOffset: -1n });
  await until(() => outcomes.length === 1, 'outcome');
  expect(outcomes[0]!.code).toBe('');
});

test('a deadline tells the tokens once; the batch is still repeated (its sequence is taken)', async () => {
  let nowMs = 0;
  client.close();
  client = connect(directory, { now: () => nowMs });
  await until(() => client.connected, 'connection');
  const queue = queueOf({ deliveryTimeoutMs: 1000 });
  nowMs = 10;
  append(queue, 'a');
  await until(() => journal.appends.length === 1, 'batch');
  nowMs = 2000;
  await until(() => outcomes.length === 1, 'deadline');
  expect(outcomes[0]).toMatchObject({ tokens: ['a'], code: 'deadline_exceeded' });
  journal.answer(journal.appends[0]!);
  await until(() => queue.unacknowledgedRecords === 0, 'late answer');
  expect(outcomes).toHaveLength(1);
});

test('memory durability: told at the first answer, kept until the second (R8)', async () => {
  const queue = queueOf({}, true);
  await appendApart(queue, ['a']);
  expect(journal.appends[0]!.section.acknowledgeInMemory).toBe(true);
  journal.answer(journal.appends[0]!, { inMemory: true });
  await until(() => outcomes.length === 1, 'first answer');
  expect(queue.unacknowledgedRecords).toBe(1);
  journal.breakStream();
  await until(() => journal.appends.length === 1, 'repeat');
  expect(journal.appends[0]!.baseSequence).toBe(0);
  journal.answer(journal.appends[0]!);
  await until(() => queue.unacknowledgedRecords === 0, 'second answer');
  expect(outcomes).toHaveLength(1);
});

test('R8: a stream whose publishes are acknowledged on disk from now on is asked for that from now on', async () => {
  const appender = client.appender<string>({ onOutcome: () => undefined, onUnblocked: () => undefined });
  await appendApart(appender.queue(1, 0, { acknowledgeInMemory: true }), ['a']);
  await appendApart(appender.queue(1, 0, { acknowledgeInMemory: false }), ['b']);
  await appendApart(appender.queue(1, 0, { acknowledgeInMemory: true }), ['c']);
  expect(journal.appends.map(({ section }) => section.acknowledgeInMemory)).toEqual([true, false, true]);
});

test('a deleted stream fails its queue', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a']);
  append(queue, 'b');
  directory.streams.delete(1);
  directory.changed();
  await until(() => outcomes.length === 2, 'failures');
  expect(outcomes.map((each) => [each.tokens.join(), each.code])).toEqual([
    ['a', 'not_found'],
    ['b', 'not_found'],
  ]);
});

test('a record with key and headers', async () => {
  const queue = queueOf();
  expect(queue.append(1, 'k', Buffer.from('v'), [['h', 'x']], 'token')).toBe(true);
  await until(() => journal.appends.length === 1, 'batch');
  expect(journal.appends[0]!.values).toEqual(['v']);
});

test('N7: a queue that fails wakes who waits for room; a closed one takes nothing more', async () => {
  const queue = queueOf({ maxBatchBytes: 300 });
  await appendApart(queue, ['a', 'b', 'c', 'd', 'e']);
  while (append(queue, 'v'.padEnd(50, '.')));
  expect(queue.blocked).toBe(true);
  directory.streams.delete(1);
  directory.changed();
  await until(() => unblocked === 1, 'unblocked');
  expect([queue.isClosed, queue.blocked, append(queue, 'x')]).toEqual([true, false, false]);
  expect(new Set(outcomes.map((each) => each.code))).toEqual(new Set(['not_found']));
});

test('what failed comes back with its records, so that it can be appended elsewhere', async () => {
  const failed: string[] = [];
  const appender = client.appender<string>({
    onOutcome: (_queue, tokens, _error, _base, batch) => {
      const record = new RecordCursor().reset(batch!, 0);
      for (const token of tokens) if (record.next()) failed.push(`${token}=${String(record.value)}`);
    },
    onUnblocked: () => undefined,
  });
  const queue = appender.queue(1, 0, { tenant: 'acme' });
  expect(queue.tenant).toBe('acme');
  await appendApart(queue, ['a']);
  append(queue, 'open');
  appender.drop(1, 0);
  expect(failed).toEqual(['a=a', 'open=open']);
});

test('a full disk is told at once, to every batch that it concerns, and later records go out again', async () => {
  const queue = queueOf();
  await appendApart(queue, ['a', 'b', 'c']);
  const [a, b, c] = journal.appends;
  journal.answer(a!, { baseOffset: 0n });
  journal.answer(b!, { failure: { code: 'storage_full' } });
  journal.answer(c!, { failure: { code: 'storage_full' } });
  await until(() => outcomes.length === 3, 'outcomes');
  expect(outcomes.map((each) => each.code)).toEqual(['', 'storage_full', 'storage_full']);
  append(queue, 'd');
  await until(() => journal.appends.length === 4, 'what comes later');
  // None of the two was appended: their sequence is the next one's.
  expect(journal.appends[3]).toMatchObject({ values: ['d'], baseSequence: 1 });
});

test('what an old leader did not answer goes to the new one as soon as the old stream breaks', async () => {
  const other = new ScriptedJournal();
  await other.start();
  directory.nodes = [...directory.nodes, { nodeId: 'journal-2', address: other.address }];
  directory.changed();
  await until(() => other.streams === 1, 'second journal');
  const queue = queueOf();
  await appendApart(queue, ['a']);
  directory.leaders.set(1, 'journal-2');
  directory.changed();
  expect(other.appends).toEqual([]);
  journal.breakStream();
  await until(() => other.appends.length === 1, 'repeat at the new leader');
  expect(other.appends[0]).toMatchObject({ values: ['a'], baseSequence: 0 });
  await other.close();
});
