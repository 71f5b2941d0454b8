// N8: a fetch of as many shards as one request may name is asked for in turns, and whatever happens between two of them ends it once.

import { BrokerError } from '@robustmq/errors';
import { CALL_LIMITS, type ExchangeRequest, type FetchFrame, type FetchResultFrame } from '@robustmq/rpc';
import type { Turns } from '@robustmq/runtime';
import { Fetches } from '../src/fetches.ts';
import type { JournalLink } from '../src/link.ts';
import type { FetchSectionResult } from '../src/types.ts';

/** What one Fetch of a Kafka client may name. */
const SECTIONS = 50_000;
/** What a section takes of the clock when it is placed, and again when it is asked for. */
const UNIT_MS = 0.001;
const SLICE_MS = 5;
/** The largest part is sent at once, and steps of some sections lie between two looks. */
const MOST_MS = SLICE_MS + (CALL_LIMITS.fetchSections + 64) * UNIT_MS;

type Sent = ExchangeRequest['frame'];

/** A stream that notes what is sent on it. */
class FakeLink {
  ready = true;
  readonly sent: Sent[] = [];

  send(frame: Sent): void {
    if (frame.case === 'fetch') units += frame.value.sections.length;
    this.sent.push(frame);
  }

  fetches(): FetchFrame[] {
    return this.sent.flatMap((frame) => (frame.case === 'fetch' ? [frame.value] : []));
  }

  cancelled(): bigint[] {
    return this.sent.flatMap((frame) => (frame.case === 'cancelFetch' ? [frame.value.requestId] : []));
  }
}

let units: number;
let turns: (() => void)[];
let deadlines: (() => void)[];
let links: FakeLink[];
let fetches: Fetches;
let answers: (readonly FetchSectionResult[])[];

beforeEach(() => {
  units = 0;
  turns = [];
  deadlines = [];
  answers = [];
  links = [new FakeLink(), new FakeLink(), new FakeLink()];
  const timers: Turns['timers'] = {
    soon: (action) => (turns.push(action), () => undefined),
    after: (_delayMs, action) => (deadlines.push(action), () => undefined),
    every: () => () => undefined,
  };
  const linkOf = (streamId: number): JournalLink | undefined => {
    units += 1;
    const link = links[streamId % 3];
    return link?.ready === true ? (link as unknown as JournalLink) : undefined;
  };
  fetches = new Fetches(linkOf, () => 1, { timers, clock: { monotonicMs: () => units * UNIT_MS } });
});

function start(count = SECTIONS) {
  const sections = Array.from({ length: count }, (_, streamId) => ({
    ...{ streamId, shard: 0, fetchOffset: 1, maxBytes: 10 },
  }));
  const request = { maxWaitMs: 1_000, minBytes: 1, maxBytes: 1_000, readCommitted: false, sections };
  return fetches.start(request, (results) => answers.push(results));
}

/** Runs turns to the end, or so many; the longest of them. */
function run(most = Infinity): number {
  let longest = 0;
  for (let count = 0; turns.length > 0 && count < most; count += 1) {
    const before = units;
    turns.shift()!();
    longest = Math.max(longest, (units - before) * UNIT_MS);
  }
  return longest;
}

/** The journals answer all that they were asked with nothing. */
function answerAll(): void {
  for (const link of links) {
    for (const { requestId, sections } of link.fetches()) {
      const outcomes = sections.map(({ streamId, shard }) => ({
        ...{ streamId, shard, sizeBytes: 0, highWatermark: BigInt(streamId), aborted: [] },
      }));
      const frame = { requestId, outcomes, batches: new Uint8Array(), complete: true };
      fetches.receive(frame as unknown as FetchResultFrame);
    }
  }
}

test('N8: takes slices of the loop, and is answered as one', () => {
  const before = units;
  const call = start();
  expect((units - before) * UNIT_MS).toBeLessThanOrEqual(MOST_MS);
  expect(run()).toBeLessThanOrEqual(MOST_MS);
  const asked = links.flatMap((link) => link.fetches());
  expect(asked.reduce((sum, { sections }) => sum + sections.length, 0)).toBe(SECTIONS);
  expect(Math.max(...asked.map(({ sections }) => sections.length))).toBe(CALL_LIMITS.fetchSections);
  expect(call.journals).toBe(asked.length);
  answerAll();
  run();
  expect(answers).toHaveLength(1);
  expect(answers[0]!.map(({ highWatermark }) => highWatermark)).toEqual(
    Array.from({ length: SECTIONS }, (_, streamId) => streamId),
  );
});

test('a few sections are asked for at once', () => {
  expect(start(30).journals).toBe(3);
  expect(turns).toEqual([]);
  expect(links.map((link) => link.fetches().length)).toEqual([1, 1, 1]);
});

test.each([
  ['before all sections are placed', 3],
  ['while they are asked for', SECTIONS / 5_000 + 4],
])('N7: cancelled %s, what is asked for later waits for nothing', (_when, turnsBefore) => {
  const call = start();
  run(turnsBefore);
  const sentBefore = links.map((link) => link.fetches().length);
  call.cancel();
  run();
  for (const [index, link] of links.entries()) {
    const asked = link.fetches();
    const early = asked.slice(0, sentBefore[index]);
    // The others are hurried by a frame of their own.
    expect(link.cancelled()).toEqual(early.map(({ requestId }) => requestId));
    expect(asked.slice(early.length).every(({ maxWaitMs }) => maxWaitMs === 0)).toBe(true);
  }
  answerAll();
  expect(answers).toHaveLength(1);
});

test.each([
  ['before all sections are placed', 3],
  ['while they are asked for', SECTIONS / 5_000 + 4],
])('N7: a stream that breaks %s leaves nobody waiting', (_when, turnsBefore) => {
  start();
  run(turnsBefore);
  const broken = links[1]!;
  broken.ready = false;
  fetches.broken(broken as unknown as JournalLink, new BrokerError('unavailable', 'gone'));
  const sentBefore = broken.sent.length;
  run();
  expect(broken.sent).toHaveLength(sentBefore);
  links.splice(1, 1, new FakeLink());
  answerAll();
  run();
  expect(answers).toHaveLength(1);
  const failed = answers[0]!.filter(({ error }) => error !== undefined);
  expect(failed.every(({ streamId }) => streamId % 3 === 1)).toBe(true);
  expect(failed).toHaveLength(Math.floor((SECTIONS + 1) / 3));
});

test('N7: a fetch of shards that nobody leads is answered, with all of them', () => {
  for (const link of links) link.ready = false;
  start();
  run();
  expect(answers).toHaveLength(1);
  expect(new Set(answers[0]!.map(({ error }) => error?.code))).toEqual(new Set(['not_leader']));
  expect(deadlines).toEqual([]);
});
