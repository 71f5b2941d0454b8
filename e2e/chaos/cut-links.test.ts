// Links between services are cut, one way and both ways, for longer than a lease: nothing hangs for good, health says what is cut off,
// no connection is left over behind it, and nothing acknowledged is lost (I1, I3, I5, N7, F1).
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import {
  answersOk,
  Cluster,
  buildStaleApps,
  LOOPBACK_DEFAULTS,
  type ManagedProcess,
  ONE_OF_EACH,
  waitUntil,
} from '@robustmq/testkit/cluster';
import mqtt, { type ErrorWithReasonCode, type MqttClient } from 'mqtt';

import { Admin, metric } from '../cluster/admin.ts';
import { READY_TIMEOUT_MS, removeTestCluster } from '../cluster/test-cluster.ts';
import { type Cut, CutProxy } from './cut-proxy.ts';
import { contradictions, freeze, readTopic } from './ledger.ts';
import { registrationsOf } from './registrations.ts';
import { faultTimeoutMs, noteRound } from './rounds.ts';
import { DurableSubscriber } from './subscriber.ts';
import { KafkaWriter, MqttWriter, progress, type Writer } from './writers.ts';

const TOPIC = 'chaos-cuts';
const PROGRESS = 25;
/** Longer than a lease and than the silence after which a link is given up. */
const CUT_MS = 3_000;
const NOTICED_TIMEOUT_MS = 30_000;
const SERVER_UNAVAILABLE = 0x88;
const CUTS: readonly Cut[] = ['both', 'calls', 'answers'];

/** One to each process that is called, as its callers know it, and one for each way to meta-service. */
const LINKS = ['journal', 'meta of kafka-1', 'meta of admin-1', 'mesh to mqtt-1', 'mesh to mqtt-2'] as const;
type LinkName = (typeof LINKS)[number];

let proxies: ReadonlyMap<LinkName, CutProxy>;
let cluster: Cluster;
let admin: Admin;
let writers: Writer[];
let subscriber: DurableSubscriber;

beforeAll(async () => {
  await buildStaleApps(() => undefined);
  proxies = new Map(await Promise.all(LINKS.map(async (name) => [name, await CutProxy.open()] as const)));
  cluster = await Cluster.plan({
    dataDir: mkdtempSync(path.join(tmpdir(), 'robustmq-cuts-')),
    counts: { ...ONE_OF_EACH, 'mqtt-gateway': 2 },
    ports: { kind: 'free' },
    extraFlags: LOOPBACK_DEFAULTS,
    nodeExtraFlags: {
      'journal-1': [`--grpc.advertised=${link('journal').address}`],
      'kafka-1': [`--meta.addresses=${link('meta of kafka-1').address}`],
      'admin-1': [`--meta.addresses=${link('meta of admin-1').address}`],
      'mqtt-1': [`--grpc.advertised=${link('mesh to mqtt-1').address}`],
      'mqtt-2': [`--grpc.advertised=${link('mesh to mqtt-2').address}`],
    },
  });
  const meta = cluster.first('meta-service').address('grpc');
  const [first, second] = cluster.of('mqtt-gateway').map((each) => each.address('grpc'));
  link('journal').leadTo(cluster.first('journal-server').address('grpc'));
  link('meta of kafka-1').leadTo(meta);
  link('meta of admin-1').leadTo(meta);
  link('mesh to mqtt-1').leadTo(first ?? '');
  link('mesh to mqtt-2').leadTo(second ?? '');
  await cluster.start(READY_TIMEOUT_MS);
  admin = new Admin(cluster);
  await startClients();
}, 60_000);
afterAll(async () => {
  await subscriber.stop();
  await removeTestCluster(cluster);
  await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
});

async function startClients(): Promise<void> {
  const kafka = cluster.first('kafka-gateway').address('kafka');
  const ports = cluster.of('mqtt-gateway').map((each) => each.port('mqtt'));
  const first = new KafkaWriter('kafka-a', kafka, TOPIC);
  // The topic exists, so that MQTT publishes on its name go into it (rule O1).
  await progress([first], PROGRESS);
  subscriber = await DurableSubscriber.subscribe(ports[1] ?? 0, 'cut-subscriber', TOPIC);
  writers = [new MqttWriter('mqtt-a', ports[0] ?? 0, TOPIC), new KafkaWriter('kafka-b', kafka, TOPIC)];
  await progress(writers, PROGRESS);
  await first.stop();
}

function link(name: LinkName): CutProxy {
  const found = proxies.get(name);
  if (found === undefined) throw new RangeError(name);
  return found;
}

const gateways = (): readonly ManagedProcess[] => [
  ...cluster.of('mqtt-gateway'),
  ...cluster.of('kafka-gateway'),
];
const isReady = ({ spec: { addresses } }: ManagedProcess): Promise<boolean> =>
  answersOk(`http://${addresses['ops'] ?? ''}/readyz`, 1_000);

/** While the link is cut; healed whatever comes. */
async function whileCut(name: LinkName, cut: Cut, check: () => Promise<void>): Promise<void> {
  link(name).cut(cut);
  try {
    await Promise.all([delay(CUT_MS), check()]);
  } finally {
    link(name).heal();
  }
}

/** All is as before the cut: one exchange per gateway, no connection more, one registration each, writers that go on. */
async function settled(before: ReadonlyMap<LinkName, number>): Promise<void> {
  await Promise.all(cluster.processes.map((each) => each.ready(READY_TIMEOUT_MS)));
  await progress(writers, PROGRESS);
  await waitUntil('one exchange per gateway', NOTICED_TIMEOUT_MS, async () => {
    const exchanges = await metric(cluster.first('journal-server'), 'robustmq_journal_exchanges');
    return exchanges === gateways().length;
  });
  await waitUntil('health', NOTICED_TIMEOUT_MS, async () => (await admin.health()) === 'healthy');
  await waitUntil('no connection is left over', NOTICED_TIMEOUT_MS, () =>
    LINKS.every((name) => link(name).connections <= (before.get(name) ?? 0)),
  );
  for (const process of cluster.processes.filter(({ spec }) => spec.service !== 'meta-service'))
    expect([process.nodeId, registrationsOf(process).unasked]).toEqual([process.nodeId, 1]);
  noteRound();
}

const connections = (): Map<LinkName, number> => new Map(LINKS.map((name) => [name, link(name).connections]));

test.each(CUTS)(
  'a journal-server that is cut off (%s) is named, and gateways say that they cannot serve',
  async (cut) => {
    const before = connections();
    await whileCut('journal', cut, async () => {
      for (const gateway of gateways())
        await waitUntil(
          `${gateway.nodeId} says it`,
          NOTICED_TIMEOUT_MS,
          async () => !(await isReady(gateway)),
        );
      await waitUntil('health says it', NOTICED_TIMEOUT_MS, async () =>
        (await admin.problems()).some(
          ({ name, detail }) => name === 'journal' && detail.startsWith('journal-1'),
        ),
      );
    });
    await settled(before);
  },
  faultTimeoutMs(2),
);

test.each(CUTS)(
  'a kafka-gateway that is cut off from meta-service (%s) says so, the others go on',
  async (cut) => {
    // Its own connections come and go with the services that it calls: cluster, sessions, groups.
    const before = connections().set('meta of kafka-1', 3);
    const [kafka, mqttWriter] = [cluster.first('kafka-gateway'), writers[0]];
    await whileCut('meta of kafka-1', cut, async () => {
      await waitUntil('it says it', NOTICED_TIMEOUT_MS, async () => !(await isReady(kafka)));
      if (mqttWriter !== undefined) await progress([mqttWriter], PROGRESS);
    });
    await settled(before);
  },
  faultTimeoutMs(2),
);

test.each(CUTS)(
  'an admin-api that is cut off from meta-service (%s) does not call the cluster healthy',
  async (cut) => {
    const before = connections().set('meta of admin-1', 3);
    await whileCut('meta of admin-1', cut, async () => {
      await waitUntil('it says it', NOTICED_TIMEOUT_MS, async () => (await admin.health()) === 'unavailable');
      await progress(writers, PROGRESS);
    });
    await settled(before);
  },
  faultTimeoutMs(2),
);

describe('gateways that are cut off from each other', () => {
  let clients: MqttClient[];
  beforeEach(() => (clients = []));
  afterEach(() => Promise.all(clients.map((client) => client.endAsync(true))));

  async function connected(gateway: number, clientId: string): Promise<MqttClient> {
    const address = cluster.of('mqtt-gateway')[gateway]?.address('mqtt') ?? '';
    const client = await mqtt.connectAsync(`mqtt://${address}`, {
      clientId,
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: NOTICED_TIMEOUT_MS,
    });
    clients.push(client);
    return client;
  }

  test.each(CUTS)(
    '(%s) subscriptions and QoS 1 go on, and QoS 0 comes through again behind it',
    async (cut) => {
      const before = connections();
      const [publisher, listener] = [await connected(0, `p-${cut}`), await connected(1, `s-${cut}`)];
      const heard = new Set<string>();
      listener.on('message', (_topic, payload) => heard.add(payload.toString()));
      await listener.subscribeAsync(`mesh/${cut}`, { qos: 1 });
      const arrives = (value: string, qos: 0 | 1): Promise<boolean> =>
        waitUntil(value, NOTICED_TIMEOUT_MS, async () => {
          await publisher.publishAsync(`mesh/${cut}`, value, { qos });
          return heard.has(value);
        });
      await arrives('before', 0);
      await whileCut('mesh to mqtt-2', cut, async () => {
        await arrives('appended meanwhile', 1);
        await listener.subscribeAsync(`mesh/${cut}/more`, { qos: 0 });
        await progress(writers, PROGRESS);
      });
      await arrives('behind', 0);
      await settled(before);
    },
    faultTimeoutMs(2),
  );

  // Without a word from its owner a session is served nowhere else while the owner's lease holds (I6).
  test.each(CUTS)(
    '(%s) who wants a session that the other serves is answered in bounded time, and gets it behind the cut',
    async (cut) => {
      const before = connections();
      await connected(0, `moving-${cut}`);
      await whileCut('mesh to mqtt-1', cut, async () => {
        const answer = connected(1, `moving-${cut}`).then(
          () => 'connected',
          ({ code }: ErrorWithReasonCode) => code,
        );
        expect(['connected', SERVER_UNAVAILABLE]).toContain(await answer);
      });
      await connected(1, `moving-${cut}`);
      await settled(before);
    },
    faultTimeoutMs(2),
  );
});

test(
  'behind all cuts: nothing acknowledged is lost, order is kept, idempotent producers repeat nothing',
  async () => {
    await Promise.all(writers.map((writer) => writer.stop()));
    const ledger = freeze(writers);
    const values = await readTopic(cluster.first('kafka-gateway').address('kafka'), TOPIC);
    expect(writers.flatMap((writer) => writer.complaints)).toEqual([]);
    expect(contradictions(ledger, values)).toEqual([]);
    expect(await subscriber.judge(ledger)).toEqual([]);
  },
  faultTimeoutMs(2),
);
