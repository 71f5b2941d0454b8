// Produce, fetch, backlog and the end of a client on a scripted journal.

import type { BacklogResult, FetchSectionResult, JournalClient } from '../src/index.ts';
import { batch, connected, type TestDirectory } from './connected.ts';
import { ScriptedJournal, until } from './scripted-journal.ts';

let journal: ScriptedJournal;
let directory: TestDirectory;
let client: JournalClient;

beforeEach(async () => {
  ({ journal, directory, client } = await connected());
});

afterEach(async () => {
  client.close();
  await journal.close();
});

function fetch(streams: readonly number[], results: FetchSectionResult[][]) {
  const sections = streams.map((streamId) => ({ streamId, shard: 0, fetchOffset: 5, maxBytes: 1000 }));
  return client.fetch(
    { maxWaitMs: 1000, minBytes: 1, maxBytes: 10_000, readCommitted: true, sections },
    (all) => results.push([...all]),
  );
}

describe('produce', () => {
  test('passes through once: answers, refusals and a broken stream reach the caller (K1)', async () => {
    const seen: (string | number)[] = [];
    const produce = (): void =>
      client.produce({ streamId: 1, shard: 0, batch: batch(), acks: -1, timeoutMs: 100 }, (error, outcome) =>
        seen.push(error?.code ?? outcome!.baseOffset),
      );
    for (let n = 0; n < 3; n++) produce();
    await until(() => journal.appends.length === 3, 'appends');
    journal.answer(journal.appends[0]!, { baseOffset: 9n });
    journal.answer(journal.appends[1]!, { failure: { code: 'corrupt' } });
    await until(() => seen.length === 2, 'answers');
    journal.breakStream();
    await until(() => seen.length === 3, 'failure');
    expect(seen).toEqual([9, 'corrupt', 'unavailable']);
    await until(() => client.connected, 'reconnection');
    expect(journal.appends).toEqual([]);
  });

  test('acks=0 is answered when handed over; no leader fails at once', async () => {
    const codes: string[] = [];
    client.produce({ streamId: 1, shard: 0, batch: batch(), acks: 0, timeoutMs: 100 }, (error) =>
      codes.push(error?.code ?? 'ok'),
    );
    await until(() => codes.length === 1, 'answer');
    directory.leaders.set(1, 'nobody');
    client.produce({ streamId: 1, shard: 0, batch: batch(), acks: -1, timeoutMs: 100 }, (error) =>
      codes.push(error?.code ?? 'ok'),
    );
    await until(() => codes.length === 2, 'refusal');
    expect(codes).toEqual(['ok', 'not_leader']);
  });

  test('bytes beyond the credit wait for answers', async () => {
    let answered = 0;
    for (let n = 0; n < 3; n++) {
      client.produce(
        { streamId: 1, shard: 0, batch: batch('x'.repeat(600_000)), acks: -1, timeoutMs: 100 },
        () => answered++,
      );
    }
    await until(() => journal.appends.length === 2, 'two');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(journal.appends).toHaveLength(2);
    journal.answer(journal.appends[0]!);
    journal.answer(journal.appends[1]!);
    await until(() => journal.appends.length === 3, 'the third');
    expect(answered).toBe(2);
  });
});

describe('fetch', () => {
  test('pieces are collected until complete', async () => {
    const results: FetchSectionResult[][] = [];
    fetch([1, 2], results);
    await until(() => journal.framesOf('fetch').length === 1, 'request');
    const frame = journal.framesOf('fetch')[0]!;
    const { requestId } = frame.value as { requestId: bigint };
    const marks = { shard: 0, highWatermark: 50n, lastStableOffset: 50n, logStartOffset: 1n, leaderEpoch: 4 };
    journal.send({
      case: 'fetch',
      value: { requestId, outcomes: [{ ...marks, streamId: 1, sizeBytes: 3 }], batches: Buffer.from('abc') },
    });
    journal.send({
      case: 'fetch',
      value: {
        requestId,
        outcomes: [
          {
            ...marks,
            streamId: 1,
            sizeBytes: 2,
            aborted: [{ producerId: 8n, firstOffset: 9n }],
            diverging: { leaderEpoch: 2, endOffset: 3n },
          },
          { streamId: 2, shard: 0, failure: { code: 'out_of_range' } },
        ],
        batches: Buffer.from('de'),
        complete: true,
      },
    });
    await until(() => results.length === 1, 'result');
    const [one, two] = results[0]!;
    expect(Buffer.concat(one!.batches).toString()).toBe('abcde');
    expect(one).toMatchObject({
      sizeBytes: 5,
      highWatermark: 50,
      leaderEpoch: 4,
      aborted: [{ producerId: 8, firstOffset: 9 }],
      diverging: { leaderEpoch: 2, endOffset: 3 },
    });
    expect(two!.error?.code).toBe('out_of_range');
  });

  test('cancelling asks for what there is; a broken stream fails the sections', async () => {
    const results: FetchSectionResult[][] = [];
    const call = fetch([1], results);
    await until(() => journal.framesOf('fetch').length === 1, 'request');
    call.cancel();
    call.cancel();
    await until(() => journal.framesOf('cancelFetch').length === 1, 'cancel');
    journal.breakStream();
    await until(() => results.length === 1, 'failure');
    expect(results[0]![0]!.error?.code).toBe('unavailable');
  });

  test('N9: an answer that its asker throws at ends the stream, never the process', async () => {
    const sections = [{ streamId: 1, shard: 0, fetchOffset: 5, maxBytes: 1000 }];
    client.fetch({ maxWaitMs: 1000, minBytes: 1, maxBytes: 10_000, readCommitted: true, sections }, () => {
      throw new Error('a bug of the asker');
    });
    await until(() => journal.framesOf('fetch').length === 1, 'request');
    const { requestId } = journal.framesOf('fetch')[0]!.value as { requestId: bigint };
    journal.send({ case: 'fetch', value: { requestId, outcomes: [], complete: true } });
    await until(() => journal.streams === 2 && client.connected, 'the next stream');
  });

  test('sections without a leader fail, the others do not wait', async () => {
    const results: FetchSectionResult[][] = [];
    directory.leaders.set(2, 'nobody');
    fetch([2], results);
    await until(() => results.length === 1, 'result');
    expect(results[0]![0]!.error?.code).toBe('not_leader');
    fetch([1, 2], results);
    await until(() => journal.framesOf('fetch').length === 1, 'request');
    expect(journal.framesOf('fetch')[0]!.value).toMatchObject({ maxWaitMs: 0 });
  });

  test('two journals: the first answer hurries the second', async () => {
    const other = new ScriptedJournal();
    await other.start();
    directory.nodes = [...directory.nodes, { nodeId: 'journal-2', address: other.address }];
    directory.leaders.set(2, 'journal-2');
    directory.changed();
    await until(() => other.streams === 1 && other.frames.length > 0, 'second connection');
    const results: FetchSectionResult[][] = [];
    fetch([1, 2], results);
    await until(
      () => journal.framesOf('fetch').length === 1 && other.frames.some((frame) => frame.case === 'fetch'),
      'requests',
    );
    const { requestId } = journal.framesOf('fetch')[0]!.value as { requestId: bigint };
    journal.send({
      case: 'fetch',
      value: { requestId, outcomes: [{ streamId: 1, shard: 0 }], complete: true },
    });
    await until(() => other.frames.some((frame) => frame.case === 'cancelFetch'), 'cancel');
    directory.nodes = directory.nodes.slice(0, 1);
    directory.changed();
    await until(() => results.length === 1, 'result');
    expect(results[0]!.map((each) => each.error?.code)).toEqual([undefined, 'unavailable']);
    await other.close();
  });
});

test('backlog reads of a turn share a frame and are answered apart', async () => {
  const seen: (string | BacklogResult)[] = [];
  const read = (): void =>
    client.readBacklog(
      { streamId: 1, shard: 0, fromOffset: 3, toOffset: -1, maxBytes: 10, maxRecords: 5, filters: ['a/#'] },
      (error, result) => seen.push(error?.code ?? result!),
    );
  read();
  read();
  read();
  await until(() => journal.framesOf('backlog').length === 1, 'frame');
  const { reads } = journal.framesOf('backlog')[0]!.value as {
    reads: { readId: bigint; filters: string[] }[];
  };
  expect(reads).toHaveLength(3);
  journal.send({
    case: 'backlog',
    value: {
      outcomes: [
        { readId: reads[1]!.readId, failure: { code: 'not_leader' } },
        { readId: reads[0]!.readId, fromOffset: 3n, nextOffset: 9n, sizeBytes: 4, highWatermark: 20n },
      ],
      batches: Buffer.from('data'),
    },
  });
  await until(() => seen.length === 2, 'answers');
  expect(seen[0]).toBe('not_leader');
  expect(seen[1]).toMatchObject({ fromOffset: 3, nextOffset: 9, highWatermark: 20 });
  expect((seen[1] as BacklogResult).batches.toString()).toBe('data');
  journal.breakStream();
  await until(() => seen.length === 3, 'failure');
  expect(seen[2]).toBe('unavailable');
  directory.leaders.set(1, 'nobody');
  read();
  await until(() => seen.length === 4, 'refusal');
  expect(seen[3]).toBe('not_leader');
});

test('closing tells everyone who waits', async () => {
  const codes: string[] = [];
  const appender = client.appender<string>({
    onOutcome: (_queue, _tokens, error) => codes.push(error?.code ?? ''),
    onUnblocked: () => undefined,
  });
  appender.queue(1, 0).append(1, null, Buffer.from('x'), [], 'token');
  await until(() => journal.appends.length === 1, 'append');
  client.produce({ streamId: 2, shard: 0, batch: batch(), acks: -1, timeoutMs: 100 }, (error) =>
    codes.push(error?.code ?? ''),
  );
  client.close();
  client.close();
  expect(codes.sort()).toEqual(['cancelled', 'cancelled']);
});
