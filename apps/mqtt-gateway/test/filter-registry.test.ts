// Filters at the journals: registered once, asked for until they are active everywhere, let go with their last user (X3, X5, N7).

import { BrokerError } from '@robustmq/errors';
import type { FilterAnswer } from '@robustmq/journal-client';
import type { StartOffset } from '@robustmq/mqtt-session';
import { TurnBudget } from '@robustmq/runtime';
import { VirtualClock } from '@robustmq/testkit';
import { FilterRegistry, type ActiveFilter, type FilterPort } from '../src/delivery/filter-registry.ts';

describe('FilterRegistry', () => {
  type FilterChange = Parameters<FilterPort['changeFilters']>[0];
  class Port {
    readonly changes: FilterChange[] = [];
    readonly callbacks: ((error: BrokerError | undefined, answer: FilterAnswer) => void)[] = [];

    changeFilters(
      change: FilterChange,
      callback: (error: BrokerError | undefined, answer: FilterAnswer) => void,
    ): void {
      this.changes.push(change);
      this.callbacks.push(callback);
    }
  }
  const answer = { activeFrom: [{ streamId: 1, shard: 0, leaderEpoch: 2, offset: 9 }], marks: [] };

  test('X5: one registration per filter, changes of a turn in one request, gone with its last user', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const positions: number[] = [];
    const registry = new FilterRegistry(port, 1_000, ({ offset }) => positions.push(offset), clock, clock);
    const active: (ActiveFilter | undefined)[] = [];
    const add = (filter: string) => registry.add('t', filter, (_error, found) => active.push(found));
    const uses = ['a', 'b', 'a'].map(add);
    await clock.advance(0);
    expect(port.changes).toHaveLength(1);
    expect(port.changes[0]!.add!.map(({ filter }) => filter)).toEqual(['a', 'b']);
    port.callbacks[0]!(undefined, answer);
    expect(positions).toEqual([9]);
    expect(active).toHaveLength(3);
    uses.push(add('a'));
    expect(active).toHaveLength(4);
    for (const use of [uses[0]!, uses[2]!, uses[3]!]) {
      use.release();
      use.release();
    }
    await clock.advance(0);
    expect(port.changes[1]).toEqual({ add: [], remove: [1] });
    // Added and removed within a turn: the journal never hears of it.
    registry.add('t', 'c', () => undefined).release();
    await clock.advance(0);
    expect(port.changes).toHaveLength(2);
    expect(registry.size).toBe(1);
  });

  test.each(['are answered', 'are late'])(
    'N8: very many who wait for one filter hear in turns when the journals %s',
    async (fate) => {
      const WAITERS = 5_000;
      const HEARING_MS = 0.01;
      const timers = new VirtualClock();
      const port = new Port();
      let heard = 0;
      const clock = { monotonicMs: () => heard * HEARING_MS };
      const registry = new FilterRegistry(port, 1_000, () => undefined, timers, clock);
      for (let n = 0; n < WAITERS; n++) registry.add('t', 'a', () => heard++);
      await timers.advance(0);
      if (fate === 'are answered') port.callbacks[0]!(undefined, answer);
      else registry.expire(1_000);
      let longest = heard;
      for (let before = heard; await timers.step(); before = heard)
        longest = Math.max(longest, heard - before);
      expect(heard).toBe(WAITERS);
      expect(longest * HEARING_MS).toBeLessThanOrEqual(TurnBudget.sliceMs + HEARING_MS);
    },
  );

  test('N7: who lets a filter go before it is active hears so, and the others still wait', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 1_000, () => undefined, clock, clock);
    const heard: string[] = [];
    const add = (name: string) =>
      registry.add('t', 'a', (error) => heard.push(`${name} ${error?.code ?? 'active'}`), Infinity);
    const first = add('first');
    add('second');
    await clock.advance(0);
    first.release();
    expect(heard).toEqual(['first cancelled']);
    registry.expire(performance.now() + 1e9);
    port.callbacks[0]!(undefined, answer);
    expect(heard).toEqual(['first cancelled', 'second active']);
    first.release();
    expect(registry.size).toBe(1);
  });

  test('N7: a journal that answers after the last user has gone calls nobody back, and is told to forget', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 1_000, () => undefined, clock, clock);
    const heard: (string | undefined)[] = [];
    const use = registry.add('t', 'a', (error) => heard.push(error?.code));
    await clock.advance(0);
    port.callbacks[0]!(new BrokerError('unavailable', 'away'), { activeFrom: [], marks: [] });
    use.release();
    await clock.advance(0);
    expect(heard).toEqual(['cancelled']);
    expect(port.changes[1]).toEqual({ add: [], remove: [1] });
    await clock.advance(150);
    expect(port.changes).toHaveLength(2);
  });

  test('X5: a filter that is asked for again and let go in the same turn is taken from the journals', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 1_000, () => undefined, clock, clock, {
      shardsOf: () => [{ streamId: 1, shard: 7 }],
      positionOf: () => undefined,
      changes: () => 0,
    });
    const use = registry.add('t', 'a', () => undefined);
    await clock.advance(0);
    port.callbacks[0]!(undefined, { activeFrom: [], marks: [] });
    clock.after(100, () => use.release());
    await clock.advance(1_000);
    expect(port.changes.slice(1)).toEqual([{ add: [], remove: [1] }]);
  });

  test('N7: where a tail begins is asked until a shard without a leader has one, one question at a time', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const known = new Map<number, StartOffset>();
    const registry = new FilterRegistry(
      port,
      1_000,
      (position) => known.set(position.shard, position),
      clock,
      clock,
      {
        shardsOf: () => [{ streamId: 1, shard: 7 }],
        positionOf: (_streamId, shard) => known.get(shard),
        changes: () => 0,
      },
    );
    const heard: number[] = [];
    for (const filter of ['a', 'b', 'c'])
      registry.add('t', filter, (_error, active) => heard.push(active!.activeFrom.size), Infinity);
    await clock.advance(0);
    port.callbacks[0]!(undefined, { activeFrom: [], marks: [] });
    // Who resumes takes what there is; the shard has no leader.
    expect(heard).toEqual([0, 0, 0]);
    await clock.advance(100);
    expect(port.changes.slice(1).map(({ add }) => add!.length)).toEqual([1]);
    await clock.advance(1_000);
    expect(port.changes).toHaveLength(2);
    port.callbacks[1]!(undefined, {
      activeFrom: [{ streamId: 1, shard: 7, leaderEpoch: 1, offset: 5 }],
      marks: [],
    });
    expect(known.get(7)?.offset).toBe(5);
    await clock.advance(1_000);
    expect([port.changes.length, clock.pending]).toEqual([2, 0]);
  });

  describe('a user that comes after another stream has become visible (X3, X4)', () => {
    const clock = new VirtualClock();
    const at = (streamId: number, offset: number) => ({ streamId, shard: 0, leaderEpoch: 1, offset });

    async function withActive() {
      const port = new Port();
      const visible = [1];
      let changes = 0;
      const show = (...streamIds: readonly number[]): void => {
        visible.splice(0, visible.length, ...streamIds);
        changes++;
      };
      const tails = new Map<number, StartOffset>();
      const registry = new FilterRegistry(
        port,
        1_000,
        (position) => tails.set(position.streamId, position),
        clock,
        clock,
        {
          shardsOf: () => visible.map((streamId) => ({ streamId, shard: 0 })),
          positionOf: (streamId) => tails.get(streamId),
          changes: () => changes,
        },
      );
      const heard: number[][] = [];
      const add = (timeoutMs?: number) =>
        registry.add(
          't',
          '#',
          (_error, active) =>
            heard.push(
              [...active!.activeFrom.values()].map(({ streamId, offset }) => streamId * 100 + offset),
            ),
          timeoutMs,
        );
      add();
      await clock.advance(0);
      port.callbacks[0]!(undefined, { activeFrom: [at(1, 5)], marks: [] });
      expect(heard).toEqual([[105]]);
      return { port, show, tails, heard, add };
    }

    test('is told where its tail has come to, and nothing of streams that are gone', async () => {
      const { port, show, tails, heard, add } = await withActive();
      show(1, 2);
      tails.set(2, at(2, 9));
      add();
      tails.delete(1);
      show(2, 3);
      tails.set(3, at(3, 1));
      add();
      add();
      await clock.advance(1_000);
      expect(heard.slice(1)).toEqual([
        [105, 209],
        [209, 301],
        [209, 301],
      ]);
      expect(port.changes).toHaveLength(1);
    });

    test('waits for the journals where nobody has said that; who resumes takes what there is', async () => {
      const { port, show, heard, add } = await withActive();
      show(1, 2);
      add(Infinity);
      expect(heard.slice(1)).toEqual([[105]]);
      add();
      expect(heard).toHaveLength(2);
      await clock.advance(0);
      port.callbacks[1]!(undefined, { activeFrom: [at(1, 6), at(2, 0)], marks: [] });
      expect(heard.slice(2)).toEqual([[106, 200]]);
    });
  });

  test('a journal that is away is asked again; a deadline fails who waits', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 50, () => undefined, clock, clock);
    const codes: (string | undefined)[] = [];
    registry.add('t', 'a', (error) => codes.push(error?.code));
    await clock.advance(0);
    port.callbacks[0]!(new BrokerError('unavailable', 'away'), { activeFrom: [], marks: [] });
    registry.expire(clock.monotonicMs() + 1_000);
    expect(codes).toEqual(['deadline_exceeded']);
    registry.add('t', 'a', (error) => codes.push(error?.code));
    await clock.advance(150);
    await clock.advance(0);
    port.callbacks[1]!(undefined, answer);
    expect(codes).toEqual(['deadline_exceeded', undefined]);
  });
});
