// What is said of a stream that is gone, or that this gateway does not see yet: nobody keeps a place in it (N7), and nothing
// of one that comes is lost (I5).

import { create } from '@bufbuild/protobuf';
import type { TailBatches } from '@robustmq/journal-client';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { CursorRowSchema, OutboundRowSchema } from '@robustmq/rpc';
import { TraceSampler } from '@robustmq/telemetry';
import { VirtualClock } from '@robustmq/testkit';
import { Deliverer, newDeliveryCounters } from '../src/delivery/deliverer.ts';
import { Inflation } from '../src/delivery/inflation.ts';
import type { LiveSession } from '../src/delivery/session-ports.ts';
import { shardKeyOf, type ShardPlace } from '../src/delivery/shard-place.ts';
import { Subscription } from '../src/delivery/subscription.ts';
import { TailDelivery } from '../src/delivery/tail-delivery.ts';
import type { TailHost } from '../src/delivery/tail-host.ts';
import { TopicRoutes } from '../src/delivery/topic-route.ts';
import { stream, takingSession } from './fake-session.ts';
import { RawClient, portOf, start, until, type Running } from './running-gateway.ts';

const batchOf = (topic: string, ...values: readonly string[]): Buffer => {
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(1, topic, Buffer.from(value));
  return builder.finishCopy();
};

describe('of a gateway', () => {
  let running: Running;
  let device: RawClient;

  const outbound = () => running.gateway.serving!.directory.get('default', 'dev')!.session!.outbound;
  const tailOf = (streamId: number): unknown =>
    running.gateway.serving!.tails.tailOf(shardKeyOf(streamId, 0));

  /** A live subscriber of everything, and a stream that was there when it came. */
  const deleted = async (): Promise<number> => {
    const { streamId } = running.meta.addStream({ name: 'orders', mqttFilter: 'orders/#' });
    await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
    await device.connect('dev', { clean: false, properties: { sessionExpiryInterval: 600 } });
    await device.subscribe('#', 1);
    expect(tailOf(streamId)).toBeDefined();
    running.meta.deleteStream(streamId);
    await until(() => running.gateway.meta.view.ownershipEpoch === 3, 'the deletion');
    return streamId;
  };

  beforeEach(async () => {
    running = await start();
    device = new RawClient(portOf(running.gateway.addresses.mqtt), 5);
  });

  afterEach(async () => {
    device.close();
    await running.stop();
  });

  test('N7: a late section of a deleted stream begins no tail', async () => {
    const streamId = await deleted();
    running.journal.produce(streamId, 0, batchOf('orders/1', 'late'));
    running.journal.produce(1, 0, batchOf('d/1', 'behind'));
    await until(() => device.payloads().length > 0, 'what came behind it');
    expect(device.payloads()).toEqual(['behind']);
    expect(tailOf(streamId)).toBeUndefined();
    expect(outbound().isLive).toBe(true);
  });

  test('N7: an answer about a filter that still names a deleted stream begins no tail', async () => {
    const streamId = await deleted();
    expect(await device.subscribe('other/#', 1)).toBe(1);
    expect(tailOf(1)).toBeDefined();
    expect(tailOf(streamId)).toBeUndefined();
  });

  describe('of its cursors in meta', () => {
    const cursors = () => running.meta.sessions.get('dev')!.cursors.map(({ position }) => position!.streamId);
    const FLAGS = ['--session.cursorCommitInterval=100'];
    const EXPIRING = { clean: false, properties: { sessionExpiryInterval: 600 } };

    /** A session with a cursor in the built-in stream and in one that is deleted then. */
    const served = async (): Promise<number> => {
      await running.stop();
      running = await start({ flags: FLAGS });
      device = new RawClient(portOf(running.gateway.addresses.mqtt), 5);
      const { streamId } = running.meta.addStream({ name: 'orders', mqttFilter: 'orders/#' });
      await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
      await device.connect('dev', EXPIRING);
      await device.subscribe('#', 0);
      running.journal.produce(streamId, 0, batchOf('orders/1', 'one'));
      running.journal.produce(1, 0, batchOf('d/1', 'two'));
      await until(() => cursors().length === 2, 'both cursors');
      return streamId;
    };

    test('X4: they go as soon as every gateway knows of the deletion, in the chain of the session', async () => {
      const streamId = await served();
      running.meta.deleteStream(streamId);
      await until(() => cursors().length === 1, 'the end of its cursor');
      expect(cursors()).toEqual([1]);
      // The next change of the session is a later one.
      expect(await device.subscribe('other/#', 1)).toBe(1);
      expect(running.meta.sessions.get('dev')!.lastChange).toBe(3n);
    });

    test('S3: they stay while a gateway may take the stream for one that is there', async () => {
      const streamId = await served();
      running.meta.addGateway('mqtt-behind', 2n);
      running.meta.deleteStream(streamId);
      await until(() => running.meta.acknowledgedEpoch === 3n, 'the deletion');
      // Behind a commit that was made since, nothing has gone.
      const commits = () => running.meta.calls.filter((call) => call === 'commit dev').length;
      const before = commits();
      running.journal.produce(1, 0, batchOf('d/1', 'three'));
      await until(() => commits() > before, 'a commit');
      expect(cursors().sort()).toEqual([1, streamId]);
      running.meta.acknowledged('mqtt-behind', 3n);
      await until(() => cursors().length === 1, 'the end of its cursor');
    });

    test('N2, N6: what is owed in a stream that this gateway has not heard of yet stays owed, and so does the cursor', async () => {
      const early = await served();
      device.close();
      await until(() => !running.meta.sessions.get('dev')!.connected, 'its end');
      // Its last owner knew a younger stream already.
      const streamId = early + 1;
      running.journal.produce(streamId, 0, batchOf('younger/1', 'settled', 'owed'));
      const row = running.meta.sessions.get('dev')!;
      const placeAt = (offset: bigint) => ({ streamId, shard: 0, leaderEpoch: 1, offset });
      row.cursors.push(create(CursorRowSchema, { position: placeAt(1n), sentBelow: 2n }));
      row.outbound.push(create(OutboundRowSchema, { packetId: 7, position: placeAt(1n) }));
      device = new RawClient(portOf(running.gateway.addresses.mqtt), 5);
      await device.connect('dev', EXPIRING);
      for (const value of ['three', 'four']) {
        const commits = () => running.meta.calls.filter((call) => call === 'commit dev').length;
        const before = commits();
        running.journal.produce(1, 0, batchOf('d/1', value));
        await until(() => commits() > before, 'a commit');
      }
      expect(cursors().toSorted()).toEqual([1, early, streamId]);
      expect(device.payloads()).not.toContain('owed');
      running.meta.addStream({ name: 'younger', mqttFilter: 'younger/#' });
      await until(() => running.meta.acknowledgedEpoch === 3n, 'the new owner');
      running.journal.produce(streamId, 0, batchOf('younger/1', 'new'));
      await until(() => device.payloads().includes('new'), 'what is new');
      const sent = device.received.filter((packet) => packet.cmd === 'publish').slice(-2);
      expect(sent).toMatchObject([
        { messageId: 7, dup: true, topic: 'younger/1', payload: Buffer.from('owed') },
        { qos: 0, payload: Buffer.from('new') },
      ]);
      expect(device.payloads()).not.toContain('settled');
    });

    test('X4: those of a stream that was deleted while the session was away go when it is back', async () => {
      const streamId = await served();
      device.close();
      await until(() => !running.meta.sessions.get('dev')!.connected, 'its end');
      running.meta.deleteStream(streamId);
      await until(() => running.meta.acknowledgedEpoch === 3n, 'the deletion');
      device = new RawClient(portOf(running.gateway.addresses.mqtt), 5);
      await device.connect('dev', EXPIRING);
      await until(() => cursors().length === 1, 'the end of its cursor');
      expect(cursors()).toEqual([1]);
    });
  });

  test('I5: what comes of a stream before this gateway sees it is read when it does', async () => {
    await device.connect('dev');
    await device.subscribe('#', 1);
    running.journal.produce(2, 0, batchOf('orders/1', 'early'));
    running.journal.produce(1, 0, batchOf('d/1', 'behind'));
    await until(() => device.payloads().includes('behind'), 'what came behind it');
    expect(running.meta.addStream({ name: 'orders', mqttFilter: 'orders/#' }).streamId).toBe(2);
    await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
    running.journal.produce(2, 0, batchOf('orders/1', 'later'));
    await until(() => device.payloads().length === 3, 'both');
    expect(device.payloads()).toEqual(['behind', 'early', 'later']);
  });
});

describe('of the tails', () => {
  const STREAM = { ...stream, name: 'orders', mqttFilter: 'orders/#', shardsAtCreation: 1, isDefault: false };
  /** More than fit one turn. */
  const SESSIONS = 1_000;

  let clock: VirtualClock;
  let work: number;
  let isVisible: boolean;
  let told: string[][];
  let routes: TopicRoutes;
  let tails: TailDelivery;
  let gone: number[];

  beforeEach(() => {
    clock = new VirtualClock();
    work = 0;
    isVisible = true;
    told = [];
    gone = [];
    routes = new TopicRoutes(16, () => STREAM);
    const sessions = Array.from({ length: SESSIONS }, (_, id) => session(id));
    // Each step of a session takes a hundredth of a millisecond: 5 ms are 500 of them.
    const working = { nowMs: () => 0, monotonicMs: () => work / 100 };
    const host: TailHost = {
      clock: working,
      timers: clock,
      streamOf: () => (isVisible ? { stream: STREAM, routes } : undefined),
      sessions: () => sessions,
      sampler: new TraceSampler({ tracer: null, ratio: 0 }),
      publishes: {
        contextOf: () => {
          throw new Error('nothing is sampled');
        },
      },
      onBadBatch: (_streamId, _shard, error) => {
        throw error;
      },
    };
    const deliverer = new Deliverer(1 << 20, newDeliveryCounters());
    tails = new TailDelivery(host, deliverer, new Inflation(1 << 20, working, clock), {
      ringBytesPerShard: 1 << 20,
    });
  });

  const session = (id: number): LiveSession => {
    const heard: string[] = [];
    told.push(heard);
    const say = (what: string): void => {
      work++;
      heard.push(what);
    };
    const subscription = new Subscription(
      takingSession(id, (offset) => say(`message ${offset}`)),
      'orders/1',
    );
    subscription.qos = 1;
    routes.add(subscription);
    return {
      tailStarted: () => say('began'),
      tailJumped: () => say('jump'),
      shardGone: ({ shard }: ShardPlace) => {
        if (id === 0) gone.push(shard);
        say(`gone ${shard}`);
      },
    };
  };

  const section = (batches: Buffer, fromOffset: number, nextOffset: number, shard = 0): TailBatches => ({
    streamId: 1,
    shard,
    kind: 'batches',
    leaderEpoch: 1,
    fromOffset,
    nextOffset,
    highWatermark: nextOffset,
    lastStableOffset: nextOffset,
    logStartOffset: 0,
    batches,
    hold: () => undefined,
    release: () => undefined,
  });

  const quiet = async (): Promise<void> => {
    while (clock.pending > 0) await clock.step();
  };

  const begun = async (): Promise<void> => {
    tails.startTail(1, 0, 1, 0);
    await quiet();
    for (const heard of told) heard.length = 0;
  };

  const forget = async (shards = 1): Promise<void> => {
    isVisible = false;
    tails.forget(1, shards);
    await quiet();
  };

  test('N7: a session that heard that a shard is gone does not hear behind that that it began', async () => {
    // Tails share the time of a turn: nobody has heard of the second one yet.
    tails.startTail(1, 0, 1, 0);
    tails.startTail(1, 1, 1, 0);
    expect(told.filter((heard) => heard.length > 0).length).toBeLessThan(SESSIONS);
    await forget(2);
    for (const heard of told) expect(heard.slice(-2)).toEqual(['gone 0', 'gone 1']);
  });

  test('N7: nor that it jumped', async () => {
    tails.startTail(1, 1, 1, 0);
    await begun();
    for (const shard of [0, 1]) tails.receive({ ...section(Buffer.alloc(0), 5, 5, shard), kind: 'skipped' });
    while (told[0]!.length < 2) await clock.step();
    expect(told.at(-1)!.length).toBeLessThan(2);
    await forget(2);
    for (const heard of told) expect(heard.slice(-2)).toEqual(['gone 0', 'gone 1']);
  });

  test('N7: nor is it handed a message of it', async () => {
    await begun();
    tails.receive(section(batchOf('orders/1', 'x', 'y'), 0, 2));
    expect(told.every((heard) => heard.includes('message 0'))).toBe(false);
    await forget();
    for (const heard of told) expect(heard.at(-1)).toBe('gone 0');
  });

  test('N7: who waits for the tail to move on is woken', async () => {
    await begun();
    const released: ShardPlace[] = [];
    tails.onReleased = (tail) => void released.push(tail);
    const tail = tails.tailOf(shardKeyOf(1, 0))!;
    tail.isAwaited = true;
    await forget();
    expect([released, tail.isAwaited]).toEqual([[tail], false]);
  });

  test('N7: sessions hear of shards as well whose tails are not known, and of more than the view has', async () => {
    await begun();
    tails.startTail(1, 3, 1, 0);
    await forget(2);
    expect(gone.toSorted()).toEqual([0, 1, 3]);
    expect([...tails.tails()]).toEqual([]);
  });

  test('N8: sessions are told in turns, however many shards a stream has', async () => {
    isVisible = false;
    let longest = 0;
    const measured = async (act: () => unknown): Promise<void> => {
      const before = work;
      await act();
      longest = Math.max(longest, work - before);
    };
    await measured(() => tails.forget(1, 700));
    while (clock.pending > 0) await measured(() => clock.step());
    expect(told.every((heard) => heard.length === 700)).toBe(true);
    // 5 ms, and one more.
    expect(longest).toBeLessThanOrEqual(501);
  });
});
