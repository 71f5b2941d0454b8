// The committed deletion of a stream: the only word on which a journal-server removes files (N2), kept for those away.

import {
  AcknowledgeDeletionsRequestSchema,
  DeletedStreamSchema,
  DeleteStreamRequestSchema,
  ListDeletionsRequestSchema,
  type DeletedStream,
  type NodeIdentity,
} from '@robustmq/rpc';
import { toBinary } from '@bufbuild/protobuf';
import { KeyValueBatch } from '@robustmq/kv-store';
import { nextTurn, systemTimers } from '@robustmq/runtime';
import { MAX_WAITING_DELETIONS } from '../src/cluster/deletions.ts';
import { ROW_KINDS, storeKey } from '../src/cluster/row-kinds.ts';
import { CLUSTER_FAMILY } from '../src/families.ts';
import { DELETIONS_PER_PAGE } from '../src/rpc/deletion-pages.ts';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

let world: TestMeta;
let journal: NodeIdentity;

beforeEach(async () => {
  world = await TestMeta.open();
  journal = (await world.journal()).identity!;
});

afterEach(() => world.remove());

async function listed(node: NodeIdentity): Promise<DeletedStream[]> {
  const answer = await world.cluster.listDeletions(message(ListDeletionsRequestSchema, { node }), CONTEXT);
  return answer.streams as DeletedStream[];
}

const idsOf = async (node: NodeIdentity): Promise<number[]> =>
  (await listed(node)).map(({ streamId }) => streamId);

async function acknowledge(node: NodeIdentity, streamIds: number[]): Promise<void> {
  const request = message(AcknowledgeDeletionsRequestSchema, { node, streamIds });
  await world.cluster.acknowledgeDeletions(request, CONTEXT);
}

async function deleteStream(name: string): Promise<void> {
  await world.cluster.deleteStream(message(DeleteStreamRequestSchema, { tenant: 'default', name }), CONTEXT);
}

async function deleted(name: string): Promise<number> {
  const { streamId } = await world.createStream(name);
  await deleteStream(name);
  return streamId;
}

test('a deletion is listed to the directory that held the stream, until that acknowledges it', async () => {
  expect(await idsOf(journal)).toEqual([]);
  const first = await world.createStream('a');
  await deleteStream('a');
  const second = await deleted('b');
  const [row] = await listed(journal);
  expect(row).toMatchObject({ streamId: first.streamId, directoryIds: ['journal-1-disk'] });
  expect(Buffer.from(row!.topicId).equals(Buffer.from(first.topicId))).toBe(true);
  expect(await idsOf(journal)).toEqual([first.streamId, second]);
  await acknowledge(journal, [first.streamId]);
  expect(await idsOf(journal)).toEqual([second]);
  await acknowledge(journal, [second, second, 999]);
  expect(await idsOf(journal)).toEqual([]);
  expect((await world.dump()).filter((row) => row.startsWith('cluster d/'))).toEqual([]);
});

test('a journal that was away learns of it after its return, and after a restart of meta from rows or log (N2)', async () => {
  const streamId = await deleted('a');
  for (const rows of ['kept', 'lost'] as const) {
    world = await world.restart(rows);
    journal = (await world.journal()).identity!;
    expect(await idsOf(journal)).toEqual([streamId]);
  }
  await acknowledge(journal, [streamId]);
  world = await world.restart('lost');
  journal = (await world.journal()).identity!;
  expect(await idsOf(journal)).toEqual([]);
});

test('another directory, also one of the same node, neither sees it nor ends it', async () => {
  const streamId = await deleted('a');
  const other = (await world.journal('journal-2')).identity!;
  expect(await idsOf(other)).toEqual([]);
  await acknowledge(other, [streamId]);
  expect(await idsOf(journal)).toEqual([streamId]);
});

test('a caller is asked for its lease, not for its word (F1)', async () => {
  const streamId = await deleted('a');
  const old = journal;
  journal = (await world.journal()).identity!;
  await expect(Promise.resolve().then(() => listed(old))).rejects.toEqual(failing('fenced'));
  await expect(acknowledge(old, [streamId])).rejects.toEqual(failing('fenced'));
  expect(await idsOf({ ...journal, directoryId: 'another' })).toEqual([streamId]);
});

/** Rows of the same directory as in the store, as if so many had been deleted while it was away. */
async function waiting(firstId: number, count: number, directoryId: string): Promise<void> {
  const batch = new KeyValueBatch();
  for (let i = 0; i < count; i++) {
    const row = { streamId: firstId + i, topicId: new Uint8Array(16), directoryIds: [directoryId] };
    const value = Buffer.from(toBinary(DeletedStreamSchema, message(DeletedStreamSchema, row)));
    batch.put(CLUSTER_FAMILY, storeKey(ROW_KINDS.deletions.letter, firstId + i), value);
  }
  await world.store.write(batch);
}

test('pages reach what lies behind deletions that are kept, and behind those of others (I8)', async () => {
  await waiting(10_000, DELETIONS_PER_PAGE, 'journal-1-disk');
  await waiting(20_000, DELETIONS_PER_PAGE, 'of another journal');
  await waiting(30_000, 1, 'journal-1-disk');
  const ids: number[] = [];
  let pages = 0;
  let afterStreamId = 0;
  do {
    const request = message(ListDeletionsRequestSchema, { node: journal, afterStreamId });
    const page = await world.cluster.listDeletions(request, CONTEXT);
    expect(page.streams!.length).toBeLessThanOrEqual(DELETIONS_PER_PAGE);
    ids.push(...page.streams!.map((deleted) => deleted.streamId!));
    afterStreamId = page.nextAfterStreamId!;
    pages++;
  } while (afterStreamId > 0);
  expect([ids.length, ids[0], ids.at(-1), pages]).toEqual([DELETIONS_PER_PAGE + 1, 10_000, 30_000, 3]);
});

test('a page names the revision from which on no watch shows its streams any more (N2)', async () => {
  const streamId = await deleted('a');
  const { revision } = world.meta.state.meta;
  const request = message(ListDeletionsRequestSchema, { node: journal });
  const first = await world.cluster.listDeletions(request, CONTEXT);
  await world.createStream('later');
  const later = await world.cluster.listDeletions(request, CONTEXT);
  for (const page of [first, later]) {
    expect(page.streams!.map((row) => row.streamId)).toEqual([streamId]);
    expect(Number(page.revision)).toBeGreaterThanOrEqual(Number(revision));
  }
});

test('what a watch has told is listed, although the store is still about to write it (N2)', async () => {
  const { streamId } = await world.createStream('a');
  const { store } = world;
  const written = Promise.withResolvers<void>();
  const write = store.write.bind(store);
  store.write = (batch) => written.promise.then(() => write(batch));
  const deletion = deleteStream('a');
  while (world.meta.state.streams.has(streamId)) await nextTurn(systemTimers);
  const ids = idsOf(journal);
  for (let turns = 0; turns < 5; turns++) await nextTurn(systemTimers);
  written.resolve();
  expect(await ids).toEqual([streamId]);
  await deletion;
});

test('streams are not deleted while too many deletions wait for a journal that is away (I8)', async () => {
  const first = await world.createStream('a');
  for (let i = 0; i < MAX_WAITING_DELETIONS; i++) {
    const row = { streamId: 1_000 + i, topicId: new Uint8Array(16), directoryIds: ['away'] };
    world.meta.state.install('deletions', 1_000 + i, message(DeletedStreamSchema, row));
  }
  const request = message(DeleteStreamRequestSchema, { tenant: 'default', name: 'a' });
  await expect(Promise.resolve(world.cluster.deleteStream(request, CONTEXT))).rejects.toEqual(
    failing('quota_exceeded'),
  );
  expect(world.meta.state.streams.has(first.streamId)).toBe(true);
  world.meta.state.tables.deletions.delete(1_000);
  await world.cluster.deleteStream(request, CONTEXT);
  expect(await idsOf(journal)).toEqual([first.streamId]);
});
