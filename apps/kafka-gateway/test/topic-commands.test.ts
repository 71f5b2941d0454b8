// Commands on topics wait for what a client may ask for next, by the clock that they are given.
import { BrokerError } from '@robustmq/errors';
import { VirtualClock, drained } from '@robustmq/testkit';
import { TopicCommands, type TopicCommandsMeta } from '../src/adapters/topic-commands.ts';
import { FakeMeta } from './fakes/fake-meta.ts';

const ASKED = {
  name: 't',
  partitions: 2,
  replicationFactor: 1,
  config: {},
  validateOnly: false,
  autoCreated: false,
  timeoutMs: 1_000,
};

let clock: VirtualClock;
let cluster: FakeMeta;
let listeners: Set<() => void>;
let commands: TopicCommands;
let createStream: () => Promise<unknown>;
let calls: number;
beforeEach(() => {
  calls = 0;
  createStream = () => Promise.resolve({ stream: { streamId: 1 }, revision: 5n });
  clock = new VirtualClock();
  cluster = new FakeMeta();
  listeners = new Set();
  const meta = {
    requestId: () => ({}),
    persist: (call: () => unknown) => call(),
    cluster: {
      createStream: () => {
        calls += 1;
        return createStream();
      },
    },
    view: {
      waitForRevision: () => Promise.resolve(),
      onChange: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  } as unknown as TopicCommandsMeta;
  const view = {
    topicByStreamId: (id: number) => cluster.topicByStreamId(id),
    viewOf: () => cluster.topics()[0]!,
  };
  commands = new TopicCommands(meta, view, 'default', { clock, timers: clock });
});

function addTopic(hasLeader: boolean): void {
  const topic = cluster.add('t', 2);
  cluster.all.set('t', { ...topic, partitions: topic.partitions.map((row) => ({ ...row, hasLeader })) });
}

function elect(): void {
  const topic = cluster.topicByName('t')!;
  cluster.all.set('t', {
    ...topic,
    partitions: topic.partitions.map((row) => ({ ...row, hasLeader: true })),
  });
  for (const listener of listeners) listener();
}

test('a topic is answered once its partitions have leaders', async () => {
  addTopic(false);
  let answered = false;
  const created = commands.createTopic(ASKED).finally(() => (answered = true));
  await drained();
  expect(answered).toBe(false);
  elect();
  expect((await created).partitions.every(({ hasLeader }) => hasLeader)).toBe(true);
  expect(listeners.size).toBe(0);
});

test('N7: without leaders it is answered after five seconds, and nothing listens any more', async () => {
  addTopic(false);
  const created = clock.settle(commands.createTopic(ASKED));
  expect((await created).partitions[0]).toMatchObject({ hasLeader: false });
  expect(clock.monotonicMs()).toBeGreaterThan(5_000);
  expect(listeners.size).toBe(0);
});

test('one that was deleted meanwhile is not there', async () => {
  await expect(commands.createTopic(ASKED)).rejects.toEqual(
    new BrokerError('not_found', 'topic t was deleted meanwhile'),
  );
});

describe('a tenant that makes shards too fast', () => {
  const tooFast = (retryAfterMs: number): BrokerError =>
    new BrokerError('quota_exceeded', 'too fast', { details: { quota: 'rate', retryAfterMs } });
  const refused = { code: 'quota_exceeded', details: { quota: 'rate' } };
  const create = (more: object = {}): Promise<unknown> => commands.createTopic({ ...ASKED, ...more });

  beforeEach(() => addTopic(true));

  test('N8: is refused here until the time that meta-service named, however often it asks', async () => {
    createStream = () => Promise.reject(tooFast(250));
    await expect(create()).rejects.toMatchObject(refused);
    for (let count = 0; count < 5_000; count += 1)
      await expect(create({ name: `t${count}` })).rejects.toMatchObject(refused);
    expect(calls).toBe(1);
    await clock.advance(100);
    await expect(create()).rejects.toMatchObject({ details: { quota: 'rate', retryAfterMs: 150 } });
    await clock.advance(150);
    createStream = () => Promise.resolve({ stream: { streamId: 1 }, revision: 5n });
    await create();
    expect(calls).toBe(2);
  });

  test('may make fewer at once than were refused, and try what makes none', async () => {
    createStream = () => Promise.reject(tooFast(10_000));
    await expect(create({ partitions: 100 })).rejects.toMatchObject(refused);
    createStream = () => Promise.resolve({ stream: { streamId: 1 }, revision: 5n });
    await create({ partitions: 99 });
    await create({ partitions: 0 });
    await create({ partitions: 100, validateOnly: true }).catch(() => undefined);
    await expect(create({ partitions: 100 })).rejects.toMatchObject(refused);
    expect(calls).toBe(4);
  });

  test('waits no longer for few because many were refused beside them', async () => {
    createStream = () => Promise.reject(tooFast(10));
    await expect(create({ partitions: 1 })).rejects.toMatchObject(refused);
    await clock.advance(5);
    const many = commands.addPartitions(cluster.topicByName('t')!, 500, false);
    await expect(many).rejects.toMatchObject(refused);
    await clock.advance(5);
    createStream = () => Promise.resolve({ stream: { streamId: 1 }, revision: 5n });
    await create({ partitions: 1 });
  });

  test('another failure refuses nothing that comes behind it', async () => {
    for (const failure of [
      new BrokerError('quota_exceeded', 'too many shards', { details: { quota: 'shards' } }),
      new BrokerError('already_exists', 'there is one'),
    ]) {
      createStream = () => Promise.reject(failure);
      await expect(create()).rejects.toBe(failure);
      await expect(create()).rejects.toBe(failure);
    }
    expect(calls).toBe(4);
  });
});
