// O2: health is made of fresh answers, and asking for it often asks nobody often.
import {
  JournalHealth,
  type FailedShard,
  type JournalAddress,
  type JournalTroubles,
} from '../src/journal-health.ts';

const FIRST = { nodeId: 'journal-1', address: 'a' };
const SECOND = { nodeId: 'journal-2', address: 'b' };

let nowMs: number;
let live: JournalAddress[];
let asked: string[];
let answers: Map<string, JournalTroubles | RangeError>;
let health: JournalHealth;
beforeEach(() => {
  nowMs = 5_000;
  live = [FIRST, SECOND];
  asked = [];
  answers = new Map();
  health = new JournalHealth({
    journals: () => live,
    troublesOf: ({ nodeId }) => {
      asked.push(nodeId);
      const answer = answers.get(nodeId) ?? NO_TROUBLES;
      return answer instanceof RangeError ? Promise.reject(answer) : Promise.resolve(answer);
    },
    nowMs: () => nowMs,
  });
});

const NO_TROUBLES: JournalTroubles = { failedShards: [], diskIsFull: false };
const failing = (...failedShards: readonly FailedShard[]): JournalTroubles => ({
  ...NO_TROUBLES,
  failedShards,
});
const damaged = (shard: number): FailedShard => ({ streamId: 7, shard, reason: 'damaged' });

test('names the shards that serve nothing and the journal-servers that do not answer', async () => {
  answers.set('journal-1', failing(damaged(3))).set('journal-2', new RangeError('away'));
  expect(await health.problems()).toEqual([
    { name: 'quarantine', detail: 'journal-1: shard 3 of stream 7: damaged' },
    { name: 'journal', detail: 'journal-2 does not answer' },
  ]);
});

test('an answer is at most a second old; who asks meanwhile waits for the question that is under way', async () => {
  const [one, two] = [health.problems(), health.problems()];
  expect(await one).toEqual(await two);
  await health.problems();
  expect(asked).toEqual(['journal-1', 'journal-2']);
  nowMs += 1_000;
  await health.problems();
  expect(asked).toHaveLength(2);
  nowMs += 1;
  answers.set('journal-1', failing(damaged(0)));
  expect(await health.problems()).toHaveLength(1);
  expect(asked).toHaveLength(4);
});

test('a journal-server that ended is asked no more, and its problems end with it', async () => {
  answers.set('journal-2', new RangeError('away'));
  expect(await health.problems()).toHaveLength(1);
  live = [FIRST];
  nowMs += 1_001;
  expect(await health.problems()).toEqual([]);
});

test('I8: of many shards a few are named, the rest counted', async () => {
  answers.set('journal-1', failing(...Array.from({ length: 250 }, (_, shard) => damaged(shard))));
  const problems = await health.problems();
  expect(problems).toHaveLength(11);
  expect(problems.at(-1)).toEqual({ name: 'quarantine', detail: 'journal-1: 240 more shards' });
});

test('L6: a journal-server that refuses appends because its disk is nearly full is a problem for as long as it does', async () => {
  answers.set('journal-2', { failedShards: [damaged(1)], diskIsFull: true });
  expect(await health.problems()).toEqual([
    { name: 'quarantine', detail: 'journal-2: shard 1 of stream 7: damaged' },
    { name: 'disk', detail: 'journal-2: nearly full, appends are refused' },
  ]);
  answers.delete('journal-2');
  nowMs += 1_001;
  expect(await health.problems()).toEqual([]);
});
