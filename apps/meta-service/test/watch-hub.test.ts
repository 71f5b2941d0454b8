import { EventEmitter } from 'node:events';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ClusterChangeSchema,
  StreamSchema,
  WatchClusterResponseSchema,
  type ClusterChange,
  type WatchClusterResponse,
} from '@robustmq/rpc';
import { ClusterState } from '../src/cluster/cluster-state.ts';
import { WatchHub } from '../src/watch-hub.ts';
import { PART_BYTES } from '../src/watch-parts.ts';

/** A watcher that reads at once, or never. */
class Watcher extends EventEmitter {
  readonly request: { fromRevision: bigint };
  readonly received: WatchClusterResponse[] = [];
  cancelled = false;
  writableEnded = false;
  writableLength = 0;
  readonly isStuck: boolean;
  failure: unknown;

  constructor(fromRevision: bigint, isStuck = false) {
    super();
    this.request = { fromRevision };
    this.isStuck = isStuck;
  }

  write(message: WatchClusterResponse): void {
    this.received.push(message);
    if (this.isStuck) this.writableLength++;
  }

  end(): void {
    this.writableEnded = true;
  }

  destroy(error: unknown): void {
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
  beforeEach(() => {
    state = new ClusterState();
    hub = new WatchHub(() => state);
  });

  const change = (value: string): ClusterChange =>
    create(ClusterChangeSchema, { change: { case: 'config', value: { key: 'k', value } } });
  const publish = (count = 1, rows = 1): void => {
    for (let i = 0; i < count; i++) {
      state.meta.revision++;
      hub.publish(
        state.meta.revision,
        Array.from({ length: rows }, () => change(String(state.meta.revision))),
      );
    }
  };
  const watch = (fromRevision: bigint, isStuck = false): Watcher => {
    const watcher = new Watcher(fromRevision, isStuck);
    hub.add(watcher as never);
    return watcher;
  };

  test('a new watcher gets a snapshot, then every revision in order', () => {
    publish(3);
    const watcher = watch(0n);
    expect(watcher.received).toMatchObject([{ snapshot: true, snapshotComplete: true, revision: 3n }]);
    publish(2);
    expect(watcher.revisions).toEqual([3n, 4n, 5n]);
    expect(watcher.received[1]!.snapshot).toBe(false);
  });

  test('a watcher that comes back gets what it missed, and nothing else', () => {
    publish(5);
    expect(watch(2n).revisions).toEqual([3n, 4n, 5n]);
    expect(watch(5n).received).toEqual([]);
  });

  test.each([
    ['too old', 1n],
    ['ahead of this server', 99_999n],
  ])('a revision that is %s starts with a snapshot', (_name, from) => {
    publish(9_000);
    expect(watch(from).received[0]).toMatchObject({ snapshot: true, revision: 9_000n });
  });

  test('after a restart there is no history: the current revision goes on, an older one does not', () => {
    publish(5);
    hub = new WatchHub(() => state);
    expect(watch(5n).received).toEqual([]);
    expect(watch(4n).received[0]!.snapshot).toBe(true);
  });

  test('history is bounded by revisions and by bytes (I8)', () => {
    for (let i = 0; i < 100; i++) {
      state.meta.revision++;
      hub.publish(state.meta.revision, [change('x'.repeat(400_000))]);
    }
    const oldest = [...Array(100).keys()].find(
      (from) => watch(BigInt(from + 1)).received[0]?.snapshot !== true,
    );
    // 16 to 32 MB of them.
    expect(oldest).toBeGreaterThan(15);
    expect(oldest).toBeLessThan(65);
  });

  const bytesOf = (message: WatchClusterResponse): number =>
    toBinary(WatchClusterResponseSchema, message).length;

  test('I8: every message is bounded in bytes, whatever rows weigh', () => {
    const config = { 'mqtt.filter': 'f'.repeat(60_000) };
    for (let streamId = 1; streamId <= 150; streamId++)
      state.putStream(create(StreamSchema, { streamId, tenant: 't', name: `s${streamId}`, config }));
    state.meta.revision = 7n;
    const watcher = watch(0n);
    expect(Math.max(...watcher.received.map(bytesOf))).toBeLessThan(PART_BYTES + 1_000);
    const large = Array.from({ length: 40 }, () => change('x'.repeat(20_000)));
    state.meta.revision = 8n;
    hub.publish(8n, large);
    const told = watcher.received.filter(({ snapshot }) => !snapshot);
    expect(told.map(({ moreFollows }) => moreFollows)).toEqual([true, true, true, false]);
    expect(Math.max(...told.map(bytesOf))).toBeLessThan(PART_BYTES + 1_000);
    expect(watch(7n).received).toEqual(told);
  });

  test('N2: the last part of a snapshot says which stream id comes next', () => {
    state.meta.nextStreamId = 42;
    state.meta.revision = 7n;
    expect(watch(0n).received.at(-1)).toMatchObject({ snapshotComplete: true, nextStreamId: 42 });
  });

  test('a large snapshot comes in parts, the last one says so', () => {
    for (let streamId = 1; streamId <= 1_000; streamId++) {
      const shards = Array.from({ length: 10 }, (_, shard) => ({
        shard,
        leader: 'journal-server-0-of-this-cluster',
      }));
      state.putStream(create(StreamSchema, { streamId, tenant: 't', name: `s${streamId}`, shards }));
    }
    state.meta.revision = 7n;
    const { received } = watch(0n);
    expect(received.length).toBeGreaterThan(1);
    expect(received.map(({ snapshotComplete }) => snapshotComplete).lastIndexOf(false)).toBe(
      received.length - 2,
    );
    expect(
      received.flatMap(({ changes }) => changes).filter((row) => row.change.case === 'stream').length,
    ).toBe(1_000);
  });

  test('a watcher that does not read is cut off; the others are not held up (I8)', () => {
    const stuck = watch(0n, true);
    const reading = watch(0n);
    publish(3_000);
    expect(stuck.received.length).toBeLessThan(1_100);
    expect(stuck.failure).toMatchObject({ code: 'quota_exceeded' });
    expect(reading.received.length).toBe(3_001);
    expect(hub.watchers).toBe(1);
  });

  test('what leaves is forgotten; close ends the rest', () => {
    const gone = watch(0n);
    const there = watch(0n);
    gone.emit('cancelled');
    publish();
    expect([gone.received.length, there.received.length]).toEqual([1, 2]);
    hub.close();
    expect([there.writableEnded, hub.watchers]).toEqual([true, 0]);
  });
});
