// One fetch over several scripted journals: the most and the least that a reader asks for are of the whole answer.

import { CALL_LIMITS, type FetchFrame } from '@robustmq/rpc';
import { systemTimers } from '@robustmq/runtime';
import type { FetchSectionResult, JournalClient } from '../src/index.ts';
import type { FetchCall } from '../src/types.ts';
import { connect, TestDirectory } from './connected.ts';
import { ScriptedJournal, until } from './scripted-journal.ts';

const MAX_WAIT_MS = 54_321;

let journals: ScriptedJournal[];
let client: JournalClient;
let answers: (readonly FetchSectionResult[])[];
let deadline: (() => void) | undefined;

beforeEach(async () => {
  journals = [new ScriptedJournal(), new ScriptedJournal(), new ScriptedJournal()];
  for (const journal of journals) await journal.start();
  const directory = new TestDirectory(journals[0]!);
  directory.nodes = journals.map(({ address }, index) => ({ nodeId: `journal-${index + 1}`, address }));
  for (const streamId of [1, 2, 3]) directory.leaders.set(streamId, `journal-${streamId}`);
  answers = [];
  deadline = undefined;
  client = connect(directory, {
    onTail: () => undefined,
    timers: {
      ...systemTimers,
      after(delayMs, action) {
        if (delayMs !== MAX_WAIT_MS) return systemTimers.after(delayMs, action);
        deadline = action;
        return () => (deadline = undefined);
      },
    },
  });
  await until(() => journals.every((journal) => journal.frames.length > 0), 'connections');
});

afterEach(async () => {
  client.close();
  for (const journal of journals) await journal.close();
});

/** Fetches from stream n on journal n. */
function fetch(streams: readonly number[], minBytes: number, maxBytes: number): FetchCall {
  const sections = streams.map((streamId) => ({ streamId, shard: 0, fetchOffset: 5, maxBytes: 1_000 }));
  return client.fetch(
    { maxWaitMs: MAX_WAIT_MS, minBytes, maxBytes, readCommitted: false, sections },
    (results) => answers.push(results),
  );
}

function asked(streamId: number): FetchFrame[] {
  const frames: FetchFrame[] = [];
  for (const frame of journals[streamId - 1]!.frames) if (frame.case === 'fetch') frames.push(frame.value);
  return frames;
}

function hurried(streamId: number): number {
  return journals[streamId - 1]!.frames.filter((frame) => frame.case === 'cancelFetch').length;
}

async function round(streams: readonly number[], count = 1): Promise<void> {
  await until(() => streams.every((streamId) => asked(streamId).length === count), `round ${count}`);
}

/** The journal of the stream answers what it was asked last. */
function bring(streamId: number, sizeBytes: number): void {
  const { requestId } = asked(streamId).at(-1)!;
  const aborted = sizeBytes > 0 ? [{ producerId: 8n, firstOffset: 9n }] : [];
  const outcomes = [{ streamId, shard: 0, sizeBytes, highWatermark: 70n, aborted }];
  const batches = Buffer.alloc(sizeBytes, streamId);
  journals[streamId - 1]!.send({ case: 'fetch', value: { requestId, outcomes, batches, complete: true } });
}

function sizes(): number[] {
  return answers[0]!.map((result) => result.sizeBytes);
}

describe('the most of an answer (KIP-74)', () => {
  test('is divided over the journals asked', async () => {
    expect(fetch([1, 2, 3], 1, 1_000).journals).toBe(3);
    await round([1, 2, 3]);
    expect([1, 2, 3].map((streamId) => asked(streamId)[0]!.maxBytes)).toEqual([333, 333, 333]);
  });

  test('goes whole to a single journal', async () => {
    expect(fetch([2], 700, 1_000).journals).toBe(1);
    await round([2]);
    expect(asked(2)[0]).toMatchObject({ minBytes: 700, maxBytes: 1_000 });
  });

  test('is exceeded by one first batch, that of the first section in the order asked for', async () => {
    fetch([3, 1, 2], 1, 300);
    await round([1, 2, 3]);
    bring(1, 5_000);
    bring(2, 80);
    bring(3, 4_000);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([4_000, 0, 80]);
    expect(answers[0]![1]).toMatchObject({ batches: [], aborted: [], error: undefined, highWatermark: 70 });
    expect(answers[0]![0]!.aborted).toHaveLength(1);
  });

  test('a batch over its share stays while all fit', async () => {
    fetch([1, 2, 3], 1, 900);
    await round([1, 2, 3]);
    bring(1, 310);
    bring(2, 350);
    bring(3, 200);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([310, 350, 200]);
  });

  test('of less than a byte for each still lets one batch through', async () => {
    fetch([1, 2, 3], 1, 1);
    await round([1, 2, 3]);
    expect(asked(1)[0]!.maxBytes).toBe(1);
    for (const streamId of [3, 2, 1]) bring(streamId, 50);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([50, 0, 0]);
  });
});

describe('the least of an answer', () => {
  test('counts over all: each journal waits for its part, enough of one hurries the others', async () => {
    fetch([1, 2], 100, 10_000);
    await round([1, 2]);
    expect([asked(1)[0]!.minBytes, asked(2)[0]!.minBytes]).toEqual([50, 50]);
    bring(1, 60);
    await until(() => hurried(2) === 1, 'the second journal to be hurried');
    bring(2, 40);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([60, 40]);
    expect(deadline).toBeUndefined();
  });

  test('not reached yet: all are asked again, each for more than it has brought', async () => {
    fetch([1, 2], 100, 10_000);
    await round([1, 2]);
    bring(1, 60);
    bring(2, 10);
    await round([1, 2], 2);
    expect([asked(1)[1]!.minBytes, asked(2)[1]!.minBytes]).toEqual([75, 25]);
    expect(answers).toEqual([]);
    bring(1, 95);
    bring(2, 10);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([95, 10]);
    expect(answers[0]![0]!.batches).toEqual([Buffer.alloc(95, 1)]);
  });

  test.each([
    ['the time of the whole is over', () => deadline!()],
    ['it is cancelled', (call: FetchCall) => call.cancel()],
  ])('not reached when %s: what there is, is the answer', async (_, end) => {
    const call = fetch([1, 2], 100, 10_000);
    await round([1, 2]);
    bring(1, 60);
    bring(2, 10);
    await round([1, 2], 2);
    end(call);
    await until(() => hurried(1) === 1 && hurried(2) >= 1, 'both to be hurried');
    bring(1, 61);
    bring(2, 10);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([61, 10]);
  });

  test('a journal that answers unasked with less is out of time: nobody is asked again', async () => {
    fetch([1, 2], 100, 10_000);
    await round([1, 2]);
    bring(1, 20);
    bring(2, 20);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([20, 20]);
  });

  test('a journal that brings half its share ends the wait: the next batch may not fit', async () => {
    fetch([1, 2], 900, 1_000);
    await round([1, 2]);
    expect(asked(1)[0]).toMatchObject({ minBytes: 250, maxBytes: 500 });
    bring(1, 260);
    bring(2, 0);
    await until(() => answers.length === 1, 'answer');
    expect(sizes()).toEqual([260, 0]);
  });

  test('a failed section ends the wait', async () => {
    fetch([1, 2], 100, 10_000);
    await round([1, 2]);
    bring(1, 60);
    await until(() => hurried(2) === 1, 'the second journal to be hurried');
    journals[1]!.breakStream();
    await until(() => answers.length === 1, 'answer');
    expect(answers[0]!.map((result) => result.error?.code)).toEqual([undefined, 'unavailable']);
  });
});

test('I8: who only waits says so, and is answered with marks', async () => {
  const sections = [{ streamId: 1, shard: 0, fetchOffset: 5, maxBytes: 1_000 }];
  client.fetch(
    {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 100,
      maxBytes: 1_000,
      readCommitted: false,
      waitOnly: true,
      sections,
    },
    (results) => answers.push(results),
  );
  await until(() => asked(1).length === 1, 'the wait');
  expect(asked(1)[0]).toMatchObject({ waitOnly: true, minBytes: 100 });
  fetch([1], 1, 1_000);
  await until(() => asked(1).length === 2, 'the read');
  expect(asked(1)[1]?.waitOnly).toBe(false);
});

test('N13: more sections of one journal than a fetch takes are asked for in several, and answered as one', async () => {
  const count = CALL_LIMITS.fetchSections + 2;
  const sections = Array.from({ length: count }, (_, shard) => ({
    ...{ streamId: 1, fetchOffset: 5, maxBytes: 1_000 },
    shard,
  }));
  const request = { maxWaitMs: MAX_WAIT_MS, minBytes: 1, maxBytes: 1_000, readCommitted: false, sections };
  client.fetch(request, (results) => answers.push(results));
  await round([1], 2);
  expect(asked(1).map((frame) => frame.sections.length)).toEqual([CALL_LIMITS.fetchSections, 2]);
  for (const frame of asked(1)) {
    const outcomes = frame.sections.map(({ shard }) => ({
      ...{ streamId: 1, shard, sizeBytes: shard === count - 1 ? 100 : 0 },
      highWatermark: BigInt(shard),
    }));
    const batches = Buffer.alloc(outcomes.at(-1)!.sizeBytes);
    journals[0]!.send({
      case: 'fetch',
      value: { requestId: frame.requestId, outcomes, batches, complete: true },
    });
  }
  await until(() => answers.length === 1, 'answer');
  expect(answers[0]!.map(({ highWatermark }) => highWatermark)).toEqual(sections.map(({ shard }) => shard));
  expect(sizes().at(-1)).toBe(100);
});
