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
beforeEach(() => {
  clock = new VirtualClock();
  cluster = new FakeMeta();
  listeners = new Set();
  const meta = {
    requestId: () => ({}),
    persist: (call: () => unknown) => call(),
    cluster: { createStream: () => Promise.resolve({ stream: { streamId: 1 }, revision: 5n }) },
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
