// The committed deletion of a stream: the only word on which a journal-server removes files (N2), kept for those away.

import {
  AcknowledgeDeletionsRequestSchema,
  DeletedStreamSchema,
  DeleteStreamRequestSchema,
  ListDeletionsRequestSchema,
  type DeletedStream,
  type NodeIdentity,
} from '@robustmq/rpc';
import { MAX_DELETIONS_PER_ANSWER } from '../src/cluster/deletions.ts';
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

async function deleted(name: string): Promise<number> {
  const { streamId } = await world.createStream(name);
  await world.cluster.deleteStream(message(DeleteStreamRequestSchema, { tenant: 'default', name }), CONTEXT);
  return streamId;
}

test('a deletion is listed to the directory that held the stream, until that acknowledges it', async () => {
  expect(await idsOf(journal)).toEqual([]);
  const first = await world.createStream('a');
  await world.cluster.deleteStream(
    message(DeleteStreamRequestSchema, { tenant: 'default', name: 'a' }),
    CONTEXT,
  );
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

test('one answer is bounded; what is acknowledged makes room for the rest (I8)', async () => {
  const { streamId } = await world.createStream('template');
  const directoryIds = ['journal-1-disk'];
  for (let i = 0; i <= MAX_DELETIONS_PER_ANSWER; i++) {
    const id = streamId + 1 + i;
    const row = message(DeletedStreamSchema, { streamId: id, topicId: new Uint8Array(16), directoryIds });
    world.meta.state.install('deletions', id, row);
  }
  const first = await idsOf(journal);
  expect(first).toHaveLength(MAX_DELETIONS_PER_ANSWER);
  await acknowledge(journal, first);
  expect(await idsOf(journal)).toEqual([streamId + 1 + MAX_DELETIONS_PER_ANSWER]);
});
