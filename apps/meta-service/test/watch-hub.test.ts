// Watchers of the cluster group over scripted streams, by a clock that the test owns.
import { EventEmitter } from 'node:events';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { StreamSchema, WatchClusterResponseSchema, type WatchClusterResponse } from '@robustmq/rpc';
import { bytesOfWatchResponse } from '@robustmq/rpc/testing';
import { drained, VirtualClock } from '@robustmq/testkit';
import { ClusterState } from '../src/cluster/cluster-state.ts';
import { encodeChange } from '../src/cluster/row-kinds.ts';
import { WatchHub } from '../src/watch-hub.ts';
import { PART_BYTES } from '../src/watch-messages.ts';

/** A watcher that takes what it is sent at once, or when the test says so. */
class Watcher extends EventEmitter {
  readonly request: { fromRevision: bigint; history: string };
  readonly received: WatchClusterResponse[] = [];
  readonly sizes: number[] = [];
  cancelled = false;
  writableEnded = false;
  destroyed = false;
  failure: unknown;
  isStuck: boolean;
  #untaken: (() => void)[] = [];

  constructor(fromRevision: bigint, isStuck = false, history = '') {
    super();
    this.request = { fromRevision, history };
    this.isStuck = isStuck;
  }

  write(message: WatchClusterResponse, taken: () => void): void {
    const bytes = bytesOfWatchResponse(message)!;
    this.sizes.push(bytes.length);
    this.received.push(fromBinary(WatchClusterResponseSchema, bytes));
    this.#untaken.push(taken);
    if (!this.isStuck) setImmediate(() => this.take());
  }

  /** Takes everything that was sent. */
  take(): void {
    for (const taken of this.#untaken.splice(0)) taken();
  }

  end(): void {
    this.writableEnded = true;
  }

  destroy(error: unknown): void {
    this.destroyed = true;
    this.failure = error;
    this.emit('close');
  }

  get revisions(): bigint[] {
    return this.received.map(({ revision }) => revision);
  }
}

describe('watch', () => {
  let state: ClusterState;
  let hub: WatchHub;
  let clock: VirtualClock;
  /** Whether a periodic check waits in the clock as long as there are watchers. */
  let hasCheck: boolean;
  beforeEach(() => {
    state = new ClusterState();
    clock = new VirtualClock();
    hasCheck = true;
    hub = newHub();
  });

  const newHub = (over: Partial<ConstructorParameters<typeof WatchHub>[0]> = {}): WatchHub =>
    new WatchHub({ state, clock, timers: clock, ...over });
  const setMeta = (over: object): void => state.install('meta', '', { ...state.meta, ...over });
  const addStream = (init: MessageInitShape<typeof StreamSchema>): void =>
    state.install('streams', init.streamId!, create(StreamSchema, { tenant: 't', ...init }));
  const change = (value: string): Buffer =>
    encodeChange({ case: 'config', value: { $typeName: 'robustmq.meta.v1.DynamicConfig', key: 'k', value } });
  const publishRows = (rows: Buffer[]): void => {
    const revision = state.meta.revision + 1n;
    setMeta({ revision });
    hub.publish(revision, rows);
  };
  const publish = (count = 1): void => {
    for (let i = 0; i < count; i++) publishRows([change(String(state.meta.revision))]);
  };
  /** Lets everything be sent and taken. */
  const sent = async (): Promise<void> => {
    for (let idle = 0; idle < 3; idle++) {
      await drained();
      while (hasSoon()) {
        await clock.advance(0);
        idle = 0;
      }
    }
  };
  /** Whether something is due now. */
  const hasSoon = (): boolean => clock.pending > (hasCheck && hub.watchers > 0 ? 1 : 0);
  const watch = async (
    fromRevision: bigint,
    isStuck = false,
    history = hub.historyId as string,
  ): Promise<Watcher> => {
    const watcher = new Watcher(fromRevision, isStuck, history);
    hub.add(watcher as never);
    await sent();
    return watcher;
  };

  test('a new watcher gets a snapshot, then every revision in order', async () => {
    publish(3);
    const watcher = await watch(0n);
    expect(watcher.received).toMatchObject([{ snapshot: true, snapshotComplete: true, revision: 3n }]);
    publish(2);
    await sent();
    expect(watcher.revisions).toEqual([3n, 4n, 5n]);
    expect(watcher.received[1]!.snapshot).toBe(false);
  });

  test('a watcher that comes back gets what it missed, and nothing else', async () => {
    publish(5);
    expect((await watch(2n)).revisions).toEqual([3n, 4n, 5n]);
    expect((await watch(5n)).received).toEqual([]);
  });

  test.each([
    ['too old', 1n],
    ['ahead of this server', 99_999n],
  ])('a revision that is %s starts with a snapshot', async (_name, from) => {
    publish(9_000);
    expect((await watch(from)).received[0]).toMatchObject({ snapshot: true, revision: 9_000n });
  });

  test('every whole answer names the run that its revisions are counted in, so that who comes back can say it', async () => {
    publish(1);
    const watcher = await watch(0n);
    publish(1);
    await sent();
    expect(watcher.received.map(({ history }) => history)).toEqual([hub.historyId, hub.historyId]);
    expect(newHub().historyId).not.toBe(hub.historyId);
  });

  test.each([
    ['the revision that the copy has come to again', 6n],
    ['one before it, which the new history has', 5n],
  ])(
    'N2: behind a restore from an older copy a watcher begins with a snapshot, also at %s',
    async (_name, from) => {
      publish(6);
      const before = hub.historyId;
      expect((await watch(from)).received.some(({ snapshot }) => snapshot)).toBe(false);
      hub.close();
      // The copy was of revision 3; other changes came since.
      setMeta({ revision: 3n });
      hub = newHub();
      publish(3);
      const [first, ...more] = (await watch(from, false, before)).received;
      expect(first).toMatchObject({ snapshot: true, revision: 6n, history: hub.historyId });
      expect(more).toEqual([]);
      // Who was told by this run goes on.
      expect((await watch(5n)).received).toMatchObject([{ snapshot: false, revision: 6n }]);
    },
  );

  test('history is bounded by revisions and by bytes (I8)', async () => {
    for (let i = 0; i < 100; i++) publishRows([change('x'.repeat(400_000))]);
    let oldest = 1n;
    while ((await watch(oldest, true)).received[0]!.snapshot) oldest++;
    // 16 to 32 MB of them.
    expect(oldest).toBeGreaterThan(15n);
    expect(oldest).toBeLessThan(65n);
  });

  test('I8: every message is bounded in bytes, whatever rows weigh', async () => {
    const config = { 'mqtt.filter': 'f'.repeat(60_000) };
    for (let streamId = 1; streamId <= 150; streamId++) addStream({ streamId, name: `s${streamId}`, config });
    setMeta({ revision: 7n });
    const watcher = await watch(0n);
    publishRows(Array.from({ length: 40 }, () => change('x'.repeat(20_000))));
    await sent();
    expect(Math.max(...watcher.sizes)).toBeLessThan(PART_BYTES + 1_000);
    const told = watcher.received.filter(({ snapshot }) => !snapshot);
    expect(told.map(({ moreFollows }) => moreFollows)).toEqual([true, true, true, false]);
    expect((await watch(7n)).received).toEqual(told);
  });

  test('a row that is larger than a message travels alone', async () => {
    publish();
    publishRows([change('a'), change('x'.repeat(PART_BYTES + 1)), change('b')]);
    const late = await watch(1n);
    expect(late.received.map(({ changes, moreFollows }) => [changes.length, moreFollows])).toEqual([
      [1, true],
      [1, true],
      [1, false],
    ]);
  });

  test('N2: the last part of a snapshot says which stream id comes next', async () => {
    setMeta({ nextStreamId: 42, revision: 7n });
    expect((await watch(0n)).received.at(-1)).toMatchObject({ snapshotComplete: true, nextStreamId: 42 });
  });

  test('a large snapshot comes in parts, the last one says so', async () => {
    for (let streamId = 1; streamId <= 1_000; streamId++) {
      const shards = Array.from({ length: 10 }, (_, shard) => ({
        shard,
        leader: 'journal-server-0-of-this-cluster',
      }));
      addStream({ streamId, name: `s${streamId}`, shards });
    }
    setMeta({ revision: 7n });
    const { received } = await watch(0n);
    expect(received.length).toBeGreaterThan(1);
    expect(received.map(({ snapshotComplete }) => snapshotComplete).lastIndexOf(false)).toBe(
      received.length - 2,
    );
    expect(
      received.flatMap(({ changes }) => changes).filter((row) => row.change.case === 'stream').length,
    ).toBe(1_000);
  });

  test('a snapshot tells of counters as well, and is that of the revision at which it is asked for', async () => {
    setMeta({ ownershipEpoch: 4n, featureLevel: 2 });
    const [first] = (await watch(0n)).received;
    expect(first!.changes.map(({ change }) => [change.case, change.value])).toEqual([
      ['ownershipEpoch', 4n],
      ['featureLevel', 2],
    ]);
    for (let i = 0; i < 9; i++) {
      publish(1_000);
      await sent();
    }
    const late = await watch(0n);
    expect([late.received[0]!.revision, late.failure]).toEqual([9_000n, undefined]);
  });

  test('a snapshot shows one revision, though its parts are sent while later ones are applied', async () => {
    for (let streamId = 1; streamId <= 20; streamId++)
      addStream({ streamId, name: 'old', config: { x: 'x'.repeat(200_000) } });
    setMeta({ revision: 7n });
    const watcher = await watch(0n, true);
    expect(watcher.received.length).toBeLessThan(10);
    for (let streamId = 1; streamId <= 20; streamId++) addStream({ streamId, name: 'new' });
    publish();
    watcher.isStuck = false;
    watcher.take();
    await sent();
    const snapshot = watcher.received.filter((message) => message.snapshot);
    expect(new Set(snapshot.map(({ revision }) => revision))).toEqual(new Set([7n]));
    const names = snapshot
      .flatMap(({ changes }) => changes)
      .map((row) => row.change.value as { name?: string });
    expect(names.filter(({ name }) => name === 'old')).toHaveLength(20);
    expect(watcher.received.at(-1)).toMatchObject({ snapshot: false, revision: 8n });
  });

  test('I8: a watcher that does not read gets a few messages, and is cut off when the history has left it behind', async () => {
    const stuck = await watch(0n, true);
    const reading = await watch(0n);
    publish(3_000);
    await sent();
    expect(reading.received.length).toBe(3_001);
    // The snapshot and three more.
    expect(stuck.received).toHaveLength(4);
    for (let i = 0; i < 6; i++) {
      publish(1_000);
      await sent();
    }
    stuck.take();
    await sent();
    expect(stuck.failure).toMatchObject({ code: 'quota_exceeded' });
    expect(reading.failure).toBeUndefined();
    expect(hub.watchers).toBe(1);
  });

  test('I8: no more bytes of large messages are on their way to a watcher than of two', async () => {
    const stuck = await watch(0n, true);
    stuck.take();
    for (let i = 0; i < 10; i++) publishRows([change('x'.repeat(PART_BYTES - 100))]);
    await sent();
    expect(stuck.sizes.reduce((sum, bytes) => sum + bytes)).toBeLessThan(3 * PART_BYTES);
  });

  test('N7: a watcher that takes nothing for half a minute is cut off; one that has nothing to take is not', async () => {
    const idle = await watch(0n);
    const stuck = await watch(0n, true);
    await clock.advance(29_000);
    expect([idle.failure, stuck.failure]).toEqual([undefined, undefined]);
    await clock.advance(10_000);
    expect(stuck.failure).toMatchObject({ code: 'quota_exceeded' });
    await clock.advance(100_000);
    expect(idle.failure).toBeUndefined();
  });

  test('N7: a watcher for which there was nothing has half a minute from when there is something', async () => {
    const watcher = await watch(0n);
    await clock.advance(60_000);
    watcher.isStuck = true;
    publish();
    await clock.advance(20_000);
    expect([watcher.received.length, watcher.failure]).toEqual([2, undefined]);
    await clock.advance(20_000);
    expect(watcher.failure).toMatchObject({ code: 'quota_exceeded' });
  });

  test('what becomes free while the others are served is not forgotten', async () => {
    const watchers: Watcher[] = [];
    for (let i = 0; i < 20; i++) watchers.push(await watch(0n));
    for (let round = 0; round < 30; round++) {
      publish(7);
      await drained();
      await clock.step();
    }
    await sent();
    expect(new Set(watchers.map(({ received }) => received.length))).toEqual(new Set([211]));
  });

  test('N8: what is sent to many is sent in slices', async () => {
    let nowMs = 0;
    let turns = 0;
    hasCheck = false;
    // Each look at the clock stands for a message: one millisecond.
    const slow = { monotonicMs: () => nowMs++ };
    const soon = (action: () => void) => {
      turns++;
      return clock.soon(action);
    };
    hub = newHub({
      clock: slow,
      timers: { after: () => () => undefined, every: () => () => undefined, soon },
    });
    const watchers = Array.from({ length: 64 }, () => new Watcher(0n));
    for (const watcher of watchers) hub.add(watcher as never);
    await sent();
    publish(5);
    await sent();
    expect(new Set(watchers.map(({ received }) => received.length))).toEqual(new Set([6]));
    // Six messages of 64 watchers, five a turn at most.
    expect(turns).toBeGreaterThan(64);
  });

  test('N8: however fast the clock says it goes, no more than a megabyte is sent to all of them in a turn', async () => {
    const rowBytes = 100_000;
    const perTurn: number[] = [0];
    const soon = (action: () => void) => {
      perTurn.push(0);
      return clock.soon(action);
    };
    hub = newHub({ timers: { after: clock.after.bind(clock), every: clock.every.bind(clock), soon } });
    for (let streamId = 1; streamId <= 30; streamId++)
      addStream({ streamId, name: `s${streamId}`, config: { x: 'x'.repeat(rowBytes) } });
    setMeta({ revision: 7n });
    const watchers = Array.from({ length: 64 }, () => new Watcher(0n));
    for (const watcher of watchers) {
      const write = watcher.write.bind(watcher);
      watcher.write = (message, taken) => {
        write(message, taken);
        perTurn[perTurn.length - 1]! += watcher.sizes.at(-1)!;
      };
      hub.add(watcher as never);
    }
    await sent();
    expect(new Set(watchers.map(({ received }) => received.length))).toEqual(new Set([15]));
    expect(Math.max(...perTurn)).toBeLessThan(1024 * 1024 + PART_BYTES);
    expect(perTurn.length).toBeGreaterThan((64 * 30 * rowBytes) / (1024 * 1024 + PART_BYTES));
  });

  describe('who begins soon after another', () => {
    /** Each registers, which is a revision, and watches. */
    const start = async (count: number): Promise<Watcher[]> => {
      const watchers: Watcher[] = [];
      for (let i = 0; i < count; i++) {
        publish();
        watchers.push(await watch(0n));
      }
      await sent();
      return watchers;
    };

    test('N8: shares its snapshot and goes on with the changes since: a cluster that starts has its rows read once', async () => {
      const reads = jest.spyOn(state, 'snapshot');
      const watchers = await start(64);
      expect(reads).toHaveBeenCalledTimes(1);
      for (const { received, revisions } of watchers) {
        expect(received.map(({ snapshot }) => snapshot)).toEqual(
          revisions.map((revision) => revision === 1n),
        );
        expect(revisions).toEqual(Array.from({ length: 64 }, (_, i) => BigInt(i + 1)));
      }
    });

    test('but not one that is many changes old, nor one that the history leads on from no more', async () => {
      await start(1);
      publish(256);
      expect((await watch(0n)).revisions[0]).toBe(1n);
      publish();
      expect((await watch(0n)).revisions[0]).toBe(258n);
      for (let i = 0; i < 100; i++) publishRows([change('x'.repeat(400_000))]);
      expect((await watch(0n, true)).revisions[0]).toBe(358n);
    });

    test('I8: it is kept for a few seconds, and no longer than there are watchers', async () => {
      const [first] = await start(1);
      publish();
      await clock.advance(5_000);
      const second = await watch(0n);
      expect(second.revisions).toEqual([2n]);
      publish();
      first!.emit('close');
      second.emit('close');
      expect((await watch(0n)).revisions).toEqual([3n]);
    });
  });

  test('what leaves is forgotten; close ends the rest', async () => {
    const gone = await watch(0n);
    const there = await watch(0n);
    gone.emit('cancelled');
    publish();
    await sent();
    expect([gone.received.length, there.received.length]).toEqual([1, 2]);
    hub.close();
    expect([there.writableEnded, hub.watchers, clock.pending]).toEqual([true, 0, 0]);
  });
});
