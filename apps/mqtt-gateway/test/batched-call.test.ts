// Calls of many that leave together, and what each of them hears (L7, N7).

import { type BrokerError } from '@robustmq/errors';
import { VirtualClock } from '@robustmq/testkit';
import { BatchedCall } from '../src/store/batched-call.ts';
import { WORK_PORTS } from './work-ports.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('BatchedCall', () => {
  const options = { maxBatch: 3, maxCalls: 1, maxWaiting: 5, ...WORK_PORTS };

  test('entries of a turn leave together; later ones gather while a call is under way', async () => {
    const sent: number[][] = [];
    const answers: (() => void)[] = [];
    const call = new BatchedCall<number, string>((entries) => {
      sent.push([...entries]);
      return new Promise((resolve) => answers.push(() => resolve(entries.map(String))));
    }, options);
    const outcomes: (string | undefined)[] = [];
    const add = (entry: number): void => call.add(entry, (_error, outcome) => outcomes.push(outcome));
    add(1);
    add(2);
    await turn();
    add(3);
    add(4);
    expect(sent).toEqual([[1, 2]]);
    expect(call.pending).toBeGreaterThan(0);
    answers.shift()!();
    await turn();
    answers.shift()!();
    await turn();
    expect(sent).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(outcomes).toEqual(['1', '2', '3', '4']);
  });

  test('a failed call fails its entries; too few outcomes fail the rest; too many waiting are refused', async () => {
    const codes: (string | undefined)[] = [];
    const tell = (error: BrokerError | undefined): void => void codes.push(error?.code);
    const failing = new BatchedCall<number, string>(() => Promise.reject(new Error('x')), options);
    failing.add(1, tell);
    await turn();
    const short = new BatchedCall<number, string>(() => Promise.resolve(['only']), options);
    short.add(1, tell);
    short.add(2, tell);
    await turn();
    const full = new BatchedCall<number, string>(() => new Promise(() => undefined), options);
    for (let entry = 0; entry < 6; entry++) full.add(entry, tell);
    expect(codes).toEqual(['internal', undefined, 'internal', 'quota_exceeded']);
  });

  describe('with few entries that wait for more (L7)', () => {
    const clock = new VirtualClock();
    let sent: number[][];
    let answers: (() => void)[];
    let call: BatchedCall<number, number>;

    beforeEach(() => {
      sent = [];
      answers = [];
      const send = (entries: readonly number[]): Promise<readonly number[]> => {
        sent.push([...entries]);
        return new Promise((resolve) => answers.push(() => resolve(entries)));
      };
      const limits = { maxBatch: 10, maxCalls: 2, maxWaiting: 100, fewEntries: 4, gatherMs: 3 };
      call = new BatchedCall(send, { ...limits, ...WORK_PORTS, timers: clock });
    });

    const add = (...entries: number[]): void => {
      for (const entry of entries) call.add(entry, () => undefined);
    };
    const answer = async (): Promise<void> => {
      answers.shift()!();
      await turn();
    };

    test('one that finds nothing under way leaves in the same turn', async () => {
      add(1);
      await clock.advance(0);
      expect(sent).toEqual([[1]]);
    });

    test('few leave in no call beside another, many do', async () => {
      add(1);
      await clock.advance(0);
      add(2, 3, 4);
      await clock.advance(100);
      expect(sent).toEqual([[1]]);
      add(5);
      await clock.advance(0);
      expect(sent).toEqual([[1], [2, 3, 4, 5]]);
    });

    test('few that wait behind a call leave a moment after it, with all that came meanwhile', async () => {
      add(1);
      await clock.advance(0);
      add(2);
      await answer();
      await clock.advance(2);
      add(3);
      expect(sent).toEqual([[1]]);
      await clock.advance(1);
      expect(sent).toEqual([[1], [2, 3]]);
    });

    test('many that wait behind a call leave as it ends', async () => {
      add(1, 2, 3, 4);
      await clock.advance(0);
      add(5, 6, 7, 8);
      await clock.advance(0);
      add(9, 10, 11, 12);
      await clock.advance(0);
      expect(sent).toHaveLength(2);
      await answer();
      expect(sent.at(-1)).toEqual([9, 10, 11, 12]);
    });

    test('N7: a call that fails, or ends while others wait their moment, leaves none behind', async () => {
      const told: (string | undefined)[] = [];
      const tell = (error: BrokerError | undefined): void => void told.push(error?.code);
      let failures = 3;
      const failing = new BatchedCall<number, number>(
        (entries) => (failures-- > 0 ? Promise.reject(new Error('x')) : Promise.resolve(entries)),
        {
          maxBatch: 2,
          maxCalls: 2,
          maxWaiting: 100,
          fewEntries: 4,
          gatherMs: 3,
          ...WORK_PORTS,
          timers: clock,
        },
      );
      for (let entry = 0; entry < 9; entry++) failing.add(entry, tell);
      await clock.advance(100);
      expect(told).toHaveLength(9);
      expect(told.filter((code) => code === 'internal')).toHaveLength(6);
      expect(failing.pending).toBe(0);
    });
  });
});
