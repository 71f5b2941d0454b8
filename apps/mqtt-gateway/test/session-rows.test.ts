// Rows in meta and the gateway's plain values, both ways; start vectors are shared, and changes heal what failed before them.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  FailureSchema,
  OpenSessionOutcomeSchema,
  OpenSessionSchema,
  ReleaseSessionSchema,
  SessionKeySchema,
  SessionRowsSchema,
  SessionUpdateSchema,
  type SessionUpdate,
  type StartVector,
  type SubscriptionRow,
} from '@robustmq/rpc';
import { Random } from '@robustmq/testkit';
import { costOfOpen, costOfRelease, costOfUpdate } from '../src/store/call-costs.ts';
import { openedSession, wholeSession } from '../src/store/opened-session.ts';
import { SessionChanges } from '../src/store/session-changes.ts';
import {
  CollectedRows,
  cursorRow,
  inboundRow,
  outboundRow,
  placesMessage,
  placesOf,
  subscriptionRow,
  type ShardPlace,
  type StoredSubscription,
} from '../src/store/session-rows.ts';
import { SessionStore, type SessionMeta, type SubscriptionChange } from '../src/store/session-store.ts';
import { WORK_PORTS } from './work-ports.ts';

const key = create(SessionKeySchema, { tenant: 't', clientId: 'c', generation: 1n, epoch: 2n });
const at = (offset: number, shard = 0): ShardPlace => ({ streamId: 1, shard, leaderEpoch: 3, offset });
const subscription = (filter: string, ...start: ShardPlace[]): StoredSubscription => ({
  filter,
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  subscriptionIdentifier: 0,
  createdAtRevision: 7,
  start,
});

describe('session rows', () => {
  test('3.8.3.1: options come back as they were, whatever their bits', () => {
    for (const qos of [0, 1, 2])
      for (const retainHandling of [0, 1, 2])
        for (const bits of [0, 1, 2, 3]) {
          const before = {
            ...subscription('a/#', at(5)),
            qos,
            retainHandling,
            noLocal: (bits & 1) !== 0,
            retainAsPublished: (bits & 2) !== 0,
            subscriptionIdentifier: 268_435_455,
          };
          const rows = new CollectedRows();
          rows.startRows.push({
            id: 4,
            positions: [{ streamId: 1, shard: 0, leaderEpoch: 3, offset: 5n }],
          } as StartVector);
          rows.subscriptionRows.push(subscriptionRow(before, 4));
          expect(rows.session(false).subscriptions).toEqual([before]);
        }
  });

  test('[MQTT-3.8.3.1]: the options byte is the one of the packet', () => {
    const all = { ...subscription('a'), qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 };
    expect(subscriptionRow(all, 0).options).toBe(0b0010_1110);
  });

  test('S2, S3: cursors, ledgers and places come back as they were', () => {
    const cursor = { ...at(Number.MAX_SAFE_INTEGER, 9), sentBelow: 12 };
    const outbound = (['sent', 'received', 'done'] as const).map((state, i) => ({
      ...at(i, i),
      packetId: i + 1,
      qos: 2,
      state,
      departures: i,
    }));
    const inbound = { packetId: 65_535, sequence: 2 ** 52, streamId: 4, shard: 2 };
    const rows = new CollectedRows();
    rows.add(
      create(SessionRowsSchema, {
        cursors: [cursorRow(cursor)],
        outbound: outbound.map(outboundRow),
        inbound: [inboundRow(inbound)],
      }),
    );
    expect(rows.session(false)).toEqual({
      subscriptions: [],
      cursors: [cursor],
      outbound,
      inbound: [inbound],
      doubtful: false,
    });
    const places = { cursors: [cursor], outbound, doubtful: true };
    expect(placesOf(placesMessage(places))).toEqual(places);
    expect(placesOf(undefined)).toEqual({ cursors: [], outbound: [], doubtful: false });
  });

  test('R7, I6: sequences, generations and epochs come to an owner exact, or not at all', () => {
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    const opened = (head: { epoch: bigint; generation: bigint; last: bigint }, sequence: bigint) => {
      const ownKey = create(SessionKeySchema, { ...key, epoch: head.epoch, generation: head.generation });
      const inbound = [{ packetId: 7, sequence, shard: { streamId: 1, shard: 0 } }];
      const outcome = create(OpenSessionOutcomeSchema, {
        session: { key: ownKey, lastInboundSequence: head.last },
        sessionPresent: true,
        previousEpoch: head.epoch - 1n,
        rows: { inbound },
      });
      const received = fromBinary(OpenSessionOutcomeSchema, toBinary(OpenSessionOutcomeSchema, outcome));
      return openedSession(received, received.session!.key!);
    };
    for (const epoch of [2n ** 32n + 1n, most - 1n, most + 2n, 2n ** 64n - 1n]) {
      const session = opened({ epoch, generation: epoch - 1n, last: most }, 2n ** 32n + 1n);
      expect(session.key).toMatchObject({ epoch, generation: epoch - 1n });
      expect(session.previousEpoch).toBe(epoch - 1n);
      expect(session.lastInboundSequence).toBe(Number.MAX_SAFE_INTEGER);
      expect(session.stored.inbound).toMatchObject([{ packetId: 7, sequence: 2 ** 32 + 1 }]);
    }
    const one = { epoch: 1n, generation: 1n, last: 1n };
    const outOfRange = expect.objectContaining({ code: 'out_of_range' });
    expect(() => opened(one, most + 1n)).toThrow(outOfRange);
    expect(() => opened({ ...one, last: most + 1n }, 1n)).toThrow(outOfRange);
  });

  test('filters that share a vector share it in memory as well, also when it comes on a later page', () => {
    const rows = new CollectedRows();
    rows.add(
      create(SessionRowsSchema, {
        subscriptions: [
          { filter: 'a', start: 1 },
          { filter: 'b', start: 1 },
        ],
      }),
    );
    rows.add(create(SessionRowsSchema, { starts: [{ id: 1, positions: [{ offset: 4n }] }] }));
    const [a, b] = rows.session(false).subscriptions;
    expect(a!.start).toBe(b!.start);
    expect(a!.start[0]!.offset).toBe(4);
  });

  test('I8: an answer that is not whole is read to its end', async () => {
    const page = (filter: string, next: string) =>
      create(SessionRowsSchema, { subscriptions: [{ filter }], next: Buffer.from(next) });
    const outcome = create(OpenSessionOutcomeSchema, {
      sessionPresent: true,
      rows: page('a', '1'),
      previousOwner: { nodeId: 'n' },
    });
    const asked: string[] = [];
    const read = (_key: unknown, from: Uint8Array) => {
      const place = Buffer.from(from).toString();
      asked.push(place);
      return Promise.resolve(page(place, place === '1' ? '2' : ''));
    };
    const opened = openedSession(outcome, key);
    expect(opened.previousOwner?.nodeId).toBe('n');
    expect(opened.next.length).toBe(1);
    const whole = await wholeSession(opened, read);
    expect(whole.stored.subscriptions.map(({ filter }) => filter)).toEqual(['a', '1', '2']);
    expect(whole.next.length).toBe(0);
    expect(asked).toEqual(['1', '2']);
  });
});

/** Meta as it takes changes, and loses some. */
class MetaModel {
  readonly filters = new Map<string, number>();
  readonly options = new Map<string, number>();
  readonly starts = new Map<number, string>();
  lastChange = 0n;

  take(update: SessionUpdate): void {
    expect(update.change).toBeGreaterThan(this.lastChange);
    this.lastChange = update.change;
    for (const filter of update.removeSubscriptions) this.filters.delete(filter);
    for (const { id, positions } of update.putStarts) this.starts.set(id, String(positions[0]!.offset));
    for (const { filter, start, options } of update.putSubscriptions) {
      this.options.set(filter, options);
      if (this.filters.has(filter)) continue;
      expect(start === 0 || this.starts.has(start)).toBe(true);
      this.filters.set(filter, start);
    }
    for (const id of update.removeStarts) this.starts.delete(id);
  }
}

describe('SessionChanges', () => {
  test('X3: filters that begin at the same places share one vector, sent once', () => {
    const changes = new SessionChanges(key, new CollectedRows());
    const first = changes.next({
      put: [subscription('a', at(5)), subscription('b', at(5)), subscription('c', at(6))],
    });
    expect(first.putStarts.map(({ id }) => id)).toEqual([1, 2]);
    expect(first.putSubscriptions.map(({ start }) => start)).toEqual([1, 1, 2]);
    changes.taken(first);
    const second = changes.next({ put: [subscription('d', at(5)), subscription('e')] });
    expect(second.putStarts).toEqual([]);
    expect(second.putSubscriptions.map(({ start }) => start)).toEqual([1, 0]);
  });

  test('X3: a filter that is put again keeps its vector', () => {
    const changes = new SessionChanges(key, new CollectedRows());
    changes.taken(changes.next({ put: [subscription('a', at(5))] }));
    expect(changes.next({ put: [subscription('a', at(99))] }).putSubscriptions[0]!.start).toBe(1);
  });

  test('a vector goes with its last filter, and its number does not come again', () => {
    const changes = new SessionChanges(key, new CollectedRows());
    changes.taken(changes.next({ put: [subscription('a', at(5)), subscription('b', at(5))] }));
    expect(changes.next({ remove: ['a'] }).removeStarts).toEqual([]);
    const last = changes.next({ remove: ['b'], put: [subscription('c', at(5))] });
    expect(last.removeStarts).toEqual([1]);
    expect(last.putStarts.map(({ id }) => id)).toEqual([2]);
    changes.taken(last);
    expect(changes.next({ remove: ['x'] }).removeStarts).toEqual([]);
  });

  test('cursors alone have no number', () => {
    const changes = new SessionChanges(key, new CollectedRows());
    expect(changes.next({ cursors: [{ ...at(5), sentBelow: 0 }] })).toMatchObject({ change: 0n });
    expect(changes.next({ remove: ['a'] }).change).toBe(1n);
  });

  test('N8, N11: what failed is repaired without another change, a bounded number of rows at a time', () => {
    const changes = new SessionChanges(key, new CollectedRows());
    expect(changes.areUndone).toBe(false);
    const kept = Array.from({ length: 300 }, (_, i) => subscription(`kept ${i}`, at(5)));
    changes.taken(changes.next({ put: kept }));
    const remove = Array.from({ length: 300 }, (_, i) => `gone ${i}`);
    changes.failed({ remove, made: [], replaced: kept });
    const sizes: number[][] = [];
    for (let i = 0; i < 2; i++) {
      expect(changes.areUndone).toBe(true);
      const update = changes.next({ repairs: true });
      sizes.push([
        update.removeSubscriptions.length,
        update.putSubscriptions.length,
        update.putStarts.length,
      ]);
      changes.taken(update);
    }
    expect(sizes).toEqual([
      [256, 256, 0],
      [44, 44, 0],
    ]);
    expect([changes.areUndone, changes.mayHaveRow('gone 7')]).toEqual([false, false]);
  });

  test('N8, X3: a change repairs a bounded number of rows of others beside its own, and no row that it puts stays as it was', () => {
    const changes = new SessionChanges(key, new CollectedRows());
    const kept = Array.from({ length: 300 }, (_, i) => subscription(`kept ${i}`, at(5)));
    changes.taken(changes.next({ put: [...kept, subscription('gone 299', at(6))] }));
    const remove = Array.from({ length: 300 }, (_, i) => `gone ${i}`);
    changes.failed({ remove, made: [], replaced: kept });
    const first = changes.next({ put: [subscription('gone 299', at(7))] });
    changes.taken(first);
    expect([first.removeSubscriptions.length, first.putSubscriptions.length]).toEqual([256, 257]);
    expect(first.removeSubscriptions).toContain('gone 299');
    expect(first.removeStarts).toEqual([]);
    const second = changes.next({ remove: ['kept 7'] });
    expect([second.removeSubscriptions.length, second.putSubscriptions.length]).toEqual([45, 44]);
    expect(second.removeStarts).toHaveLength(1);
    changes.taken(second);
    expect(changes.areUndone).toBe(false);
  });

  test('goes on from what was stored, and removes what nothing names', () => {
    const rows = new CollectedRows();
    rows.startRows.push(
      { id: 3, positions: [] } as unknown as StartVector,
      { id: 8, positions: [] } as unknown as StartVector,
    );
    rows.subscriptionRows.push({ filter: 'a', start: 3 } as SubscriptionRow);
    const update = new SessionChanges(key, rows).next({ put: [subscription('b', at(1))] });
    expect(update.putStarts.map(({ id }) => id)).toEqual([9]);
    expect(update.removeStarts).toEqual([8]);
  });

  test.each([1, 2, 3, 4, 5])(
    'N11: whatever is lost, one change that arrives leaves what the session has (seed %d)',
    (seed) => {
      const random = new Random(seed);
      const meta = new MetaModel();
      const held = new Map<string, number>();
      const qosOf = new Map<string, number>();
      let changes = new SessionChanges(key, new CollectedRows());
      const step = (isLost: boolean): void => {
        const remove = [...held.keys()].filter(() => random.chance(0.3));
        for (const filter of remove) held.delete(filter);
        const fresh = ['a', 'b', 'c', 'd', 'e'].filter((filter) => !held.has(filter) && random.chance(0.4));
        const offset = random.below(4);
        const made = fresh.filter(() => random.chance(0.8));
        const rowOf = (filter: string, qos: number): StoredSubscription => ({
          ...subscription(filter, at(offset)),
          qos,
        });
        const known = [...held.keys()].filter(() => random.chance(0.5));
        const put = [...made, ...known].map((filter) => rowOf(filter, random.below(3)));
        const update = changes.next({ put, remove: [...remove, 'never there'] });
        // A change may be lost, or its answer.
        if (!isLost || random.chance(0.5)) meta.take(update);
        if (isLost)
          changes.failed({
            remove,
            made,
            replaced: known.map((filter) => rowOf(filter, qosOf.get(filter)!)),
          });
        else {
          for (const { filter, qos } of put) qosOf.set(filter, qos);
          for (const filter of made) held.set(filter, offset);
          changes.taken(update);
        }
      };
      for (let i = 0; i < 60; i++) {
        step(random.chance(0.4));
        if (!random.chance(0.1)) continue;
        // The next owner.
        step(false);
        const rows = new CollectedRows();
        for (const [filter, start] of meta.filters)
          rows.subscriptionRows.push({ filter, start } as SubscriptionRow);
        for (const [id, content] of meta.starts)
          rows.startRows.push({
            id,
            positions: [{ ...at(0), offset: BigInt(content) }],
          } as unknown as StartVector);
        changes = new SessionChanges(key, rows);
        meta.lastChange = 0n;
      }
      step(false);
      expect([...meta.filters.keys()].sort()).toEqual([...held.keys()].sort());
      const starts = [...held].map(([filter, offset]) => [filter, String(offset)]);
      expect([...meta.filters].map(([filter, id]) => [filter, meta.starts.get(id)]).sort()).toEqual(
        starts.sort(),
      );
      expect(new Set(meta.filters.values()).size).toBe(meta.starts.size);
      for (const filter of held.keys()) expect(meta.options.get(filter)! & 3).toBe(qosOf.get(filter));
    },
  );
});

describe('calls to meta', () => {
  /** Takes what it gets, and refuses what names a filter that is forbidden. */
  const recordingStore = (forbidden = '') => {
    const calls: SessionUpdate[][] = [];
    const sessions = {
      updateSessions: ({ updates }: { updates: SessionUpdate[] }) => {
        calls.push(updates);
        const outcomes = updates.map(({ putSubscriptions }) => {
          const isRefused = putSubscriptions.some(({ filter }) => filter === forbidden);
          return create(FailureSchema, { code: isRefused ? 'quota_exceeded' : '' });
        });
        return Promise.resolve({ outcomes });
      },
    } as unknown as SessionMeta['sessions'];
    const meta: SessionMeta = {
      sessions,
      requestId: () => ({ nodeId: 'n', incarnation: 1n, sequence: 1n }),
      persist: (call) => call(),
    };
    const store = new SessionStore(
      meta,
      () => ({ nodeId: 'n', incarnation: 1n, directoryId: '' }),
      WORK_PORTS,
    );
    return { store, calls };
  };
  const filters = (count: number): string[] => Array.from({ length: count }, (_, i) => `f${i}`);
  const outcome = (
    store: SessionStore,
    changes: SessionChanges,
    change: SubscriptionChange,
  ): Promise<string | undefined> =>
    new Promise((resolve) => store.update(changes, change, (error) => resolve(error?.code)));

  test('N8: a change of many filters goes in parts, one after the other, removals first', async () => {
    const { store, calls } = recordingStore();
    const changes = new SessionChanges(key, new CollectedRows());
    const put = filters(600).map((filter) => subscription(filter, at(5)));
    const change = { put, remove: ['f0'], made: filters(600) };
    expect(await outcome(store, changes, change)).toBeUndefined();
    const parts = calls.map(([update]) => [
      update!.removeSubscriptions.length,
      update!.putSubscriptions.length,
    ]);
    expect(parts).toEqual([
      [1, 0],
      [0, 256],
      [0, 256],
      [0, 88],
    ]);
    expect(calls.map(([update]) => update!.change)).toEqual([1n, 2n, 3n, 4n]);
    expect(calls.map(([update]) => update!.putStarts.length)).toEqual([0, 1, 0, 0]);
  });

  test('N11, N8: when one part fails, the rows of those before go with the next change and, in parts, behind it', async () => {
    const { store, calls } = recordingStore('f300');
    const changes = new SessionChanges(key, new CollectedRows());
    const put = filters(600).map((filter) => subscription(filter, at(5)));
    expect(await outcome(store, changes, { put, remove: [], made: filters(600) })).toBe('quota_exceeded');
    expect(calls.length).toBe(2);
    await outcome(store, changes, { put: [subscription('g', at(5))], remove: [], made: ['g'] });
    while (changes.areUndone) await new Promise((resolve) => setImmediate(resolve));
    const repairs = calls.slice(2).map(([update]) => update!);
    expect(repairs.map(({ removeSubscriptions }) => removeSubscriptions.length)).toEqual([256, 256, 88]);
    expect(repairs.flatMap(({ removeSubscriptions }) => removeSubscriptions)).toEqual(filters(600));
    expect(repairs.map(({ removeStarts }) => removeStarts)).toEqual([[], [], [1]]);
    expect(repairs[0]!.putStarts.map(({ id }) => id)).toEqual([2]);
  });

  test('N13: a call holds as many entries as meta takes, and as many rows as it applies in a turn', async () => {
    const { store, calls } = recordingStore();
    const one = (i: number, count: number): Promise<unknown> => {
      const other = create(SessionKeySchema, { tenant: 't', clientId: `c${i}` });
      const put = filters(count).map((filter) => subscription(filter));
      return outcome(store, new SessionChanges(other, new CollectedRows()), { put, remove: [], made: [] });
    };
    await Promise.all(Array.from({ length: 250 }, (_, i) => one(i, 1)));
    expect(calls.map((updates) => updates.length)).toEqual([100, 100, 50]);
    calls.length = 0;
    await Promise.all(Array.from({ length: 10 }, (_, i) => one(i, 200)));
    expect(calls.map((updates) => updates.length)).toEqual([2, 2, 2, 2, 2]);
  });

  test('N13: long names and vectors count as the rows that they are as large as', () => {
    const long = 'x'.repeat(60_000);
    const positions = Array.from({ length: 4_096 }, () => ({ offset: 1n }));
    expect(costOfOpen(create(OpenSessionSchema, { clientId: 'c' }))).toBe(1);
    expect(costOfOpen(create(OpenSessionSchema, { clientId: long }))).toBeGreaterThan(400);
    expect(costOfUpdate(create(SessionUpdateSchema, { removeSubscriptions: [long, 'a'] }))).toBe(1 + 235 + 1);
    expect(costOfUpdate(create(SessionUpdateSchema, { putStarts: [{ id: 1, positions }] }))).toBe(258);
    const counted = { putCursors: [{}], removeCursors: [{}], putInbound: [{}], removeInbound: [1] };
    const rest = { putOutbound: [{}], removeOutbound: [1], removeStarts: [1] };
    expect(costOfUpdate(create(SessionUpdateSchema, { ...counted, ...rest }))).toBe(8);
    const places = { cursors: [{}, {}], outbound: [{}] };
    expect(costOfRelease(create(ReleaseSessionSchema, { places }))).toBe(4);
    expect(costOfRelease(create(ReleaseSessionSchema))).toBe(1);
  });
});
