// What operators see of real processes: metrics, log, traces and the HTTP API.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Cluster,
  LOOPBACK_DEFAULTS,
  SERVICES,
  type ServiceName,
  waitUntil,
} from '@robustmq/testkit/cluster';
import { Kafka, logLevel } from 'kafkajs';
import mqtt from 'mqtt';

import { removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { parseExposition } from './exposition.ts';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts';

const WAIT_MS = 20_000;
const TOKEN = 'a-token-that-nobody-may-read';

let collector: OtlpReceiver;
let cluster: Cluster;

beforeAll(async () => {
  collector = await OtlpReceiver.start();
  const flags = [`--traces.endpoint=${collector.endpoint}`, '--traces.ratio=1', `--ops.token=${TOKEN}`];
  cluster = await startTestCluster({
    extraFlags: Object.fromEntries(
      SERVICES.map((service) => [service, [...(LOOPBACK_DEFAULTS[service] ?? []), ...flags]]),
    ),
    // Spans leave at once instead of after five seconds.
    env: { OTEL_BSP_SCHEDULE_DELAY: '100' },
  });
});
afterAll(async () => {
  await removeTestCluster(cluster);
  await collector.stop();
});

const connect = (clientId: string): Promise<mqtt.MqttClient> =>
  mqtt.connectAsync(`mqtt://${cluster.first('mqtt-gateway').address('mqtt')}`, {
    clientId,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });

/** Publishes with QoS 1 and waits for the subscriber's copy. */
async function exchange(
  topic: string,
  userProperties?: Record<string, string>,
): Promise<mqtt.IPublishPacket> {
  const subscriber = await connect(`sub-${topic}`);
  const publisher = await connect(`pub-${topic}`);
  const heard = new Promise<mqtt.IPublishPacket>((resolve) =>
    subscriber.once('message', (_topic, _payload, packet) => resolve(packet)),
  );
  await subscriber.subscribeAsync(topic, { qos: 1 });
  await publisher.publishAsync(topic, 'x', {
    qos: 1,
    properties: userProperties === undefined ? {} : { userProperties },
  });
  const packet = await heard;
  await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
  return packet;
}

const ops = (service: ServiceName, file: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://${cluster.first(service).address('ops')}${file}`, {
    ...init,
    headers: { authorization: `Bearer ${TOKEN}`, connection: 'close' },
  });

interface LogLine extends Record<string, unknown> {
  readonly level: string;
}

const logText = (service: ServiceName): string => readFileSync(cluster.first(service).spec.logFile, 'utf8');
const logLines = (service: ServiceName): LogLine[] =>
  logText(service)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine);

describe('metrics', () => {
  /** Metrics of a section of the page, by name. */
  function documented(title: string): Map<string, string> {
    const page = readFileSync(path.join(__dirname, '../../docs/en/metrics.md'), 'utf8');
    const section = page.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
    return new Map(
      [...section.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, type]) => [name!, type!]),
    );
  }

  test.each(SERVICES)('of %s can be read by Prometheus, and are those of the page', async (service) => {
    const response = await ops(service, '/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const families = parseExposition(await response.text()).filter(({ name }) => name !== 'target_info');
    const found = new Map(families.map(({ name, type }) => [name, type]));
    expect(found).toEqual(new Map([...documented('every process'), ...documented(service)]));
    for (const { name, type, help, samples } of families) {
      expect([name, help]).toEqual([name, expect.stringMatching(/./)]);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      for (const { labels, value } of samples) {
        expect([name, value]).toEqual([name, expect.any(Number)]);
        if (type === 'counter') expect(value).toBeGreaterThanOrEqual(0);
        // Clients choose these; as labels they would grow the scrape without bound (I8).
        for (const label of ['client_id', 'topic', 'username', 'group_id'])
          expect(labels).not.toHaveProperty(label);
      }
    }
  });

  test('count what happens', async () => {
    const read = async (service: ServiceName, name: string): Promise<number> =>
      parseExposition(await (await ops(service, '/metrics')).text())
        .flatMap((family) => family.samples)
        .find((sample) => sample.name === name)!.value;
    const figures = async (): Promise<number[]> => [
      await read('mqtt-gateway', 'robustmq_mqtt_deliveries_qos1_total'),
      await read('journal-server', 'robustmq_journal_appended_batches_total'),
    ];
    const [deliveries = 0, batches = 0] = await figures();
    const syncs = await read('journal-server', 'robustmq_journal_sync_seconds_count');
    await exchange('counted');
    expect(await figures()).toEqual([deliveries + 1, batches + 1]);
    expect(await read('journal-server', 'robustmq_journal_sync_seconds_count')).toBeGreaterThan(syncs);
    expect(await read('journal-server', 'robustmq_journal_sync_seconds_sum')).toBeGreaterThan(0);
    expect(await read('journal-server', 'robustmq_journal_disk_free_bytes')).toBeGreaterThan(0);
  });
});

describe('log', () => {
  const REQUIRED = ['level', 'ts', 'service', 'node_id', 'msg'];
  const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

  test('of every service is one JSON object per line, in one schema, without secrets', async () => {
    await exchange('logged');
    const kafka = new Kafka({
      brokers: [cluster.first('kafka-gateway').address('kafka')],
      clientId: 'logged',
      logLevel: logLevel.NOTHING,
    });
    const admin = kafka.admin();
    await admin.connect();
    await admin.listTopics();
    await admin.disconnect();
    for (const service of SERVICES) {
      const lines = logText(service)
        .split('\n')
        .filter((line) => line !== '');
      expect(lines.length).toBeGreaterThan(1);
      for (const line of lines) {
        const fields = JSON.parse(line) as LogLine;
        // A name that occurs twice would be lost here.
        expect(JSON.stringify(fields)).toBe(line);
        expect(Object.keys(fields)).toEqual(expect.arrayContaining(REQUIRED));
        expect(fields).toMatchObject({ service, node_id: cluster.first(service).nodeId });
        expect(LEVELS).toContain(fields.level);
        expect(new Date(String(fields['ts'])).toISOString()).toBe(fields['ts']);
        for (const name of Object.keys(fields))
          expect([line, name]).toEqual([line, expect.stringMatching(/^[a-z][a-z0-9_]*$/)]);
        const { err } = fields as { err?: { type?: unknown; message?: unknown } };
        if (err !== undefined) expect([typeof err.type, typeof err.message]).toEqual(['string', 'string']);
        expect(line).not.toContain(TOKEN);
      }
      expect(lines.some((line) => line.includes('"token":"***"'))).toBe(true);
    }
  });

  test('shows the details of one client when it is asked to, and no more when the time is up', async () => {
    const details = (): LogLine[] => logLines('mqtt-gateway').filter(({ level }) => level === 'debug');
    expect(details()).toEqual([]);
    const rules = { clientIds: ['sub-watched'], seconds: 3600 };
    expect(
      (await ops('mqtt-gateway', '/log-filter', { method: 'PUT', body: JSON.stringify(rules) })).status,
    ).toBe(200);
    await exchange('watched');
    await waitUntil('the end of the session in the log', WAIT_MS, () =>
      Promise.resolve(details().some(({ msg }) => msg === 'connection ended')),
    );
    const shown = details();
    expect(new Set(shown.map((line) => line['client_id']))).toEqual(new Set(['sub-watched']));
    expect(shown.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['connected', 'subscribed', 'delivery', 'connection ended']),
    );
    await ops('mqtt-gateway', '/log-filter', { method: 'PUT', body: '{}' });
    await exchange('watched');
    expect(details()).toHaveLength(shown.length);
  });
});

describe('traces', () => {
  const PUBLISH = { service: 'robustmq-mqtt-gateway', name: 'mqtt publish' };
  const APPEND = { service: 'robustmq-journal-server', name: 'append' };
  const DELIVER = { service: 'robustmq-mqtt-gateway', name: 'mqtt deliver' };

  async function spansOf(traceId: () => string | undefined): Promise<readonly ReceivedSpan[]> {
    let spans: readonly ReceivedSpan[] = [];
    await waitUntil('three spans of a trace', WAIT_MS, () => {
      const id = traceId();
      spans = id === undefined ? [] : collector.trace(id);
      return Promise.resolve(spans.length >= 3);
    });
    return spans;
  }

  function expectOneTrace(spans: readonly ReceivedSpan[], rootParent: string): void {
    expect(spans).toHaveLength(3);
    const publish = spans.find(({ name }) => name === PUBLISH.name)!;
    expect(publish).toMatchObject({ ...PUBLISH, parentSpanId: rootParent });
    for (const expected of [APPEND, DELIVER])
      expect(spans).toContainEqual(expect.objectContaining({ ...expected, parentSpanId: publish.spanId }));
    for (const span of spans) expect(span.durationNs).toBeGreaterThanOrEqual(0);
  }

  test('a client’s sampled trace goes on from its publish over the append to the delivery', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    const packet = await exchange('traced', { traceparent });
    // W3C: an intermediary passes the creation context through as it is.
    expect(packet.properties?.userProperties).toEqual({ traceparent });
    expectOneTrace(await spansOf(() => traceId), 'b7ad6b7169203331');
  });

  test('a trace that the gateway begins has the same three spans, and leaves the message as it was', async () => {
    const before = new Set(collector.spans.map((span) => span.traceId));
    const packet = await exchange('begun/here');
    expect(packet.properties?.userProperties).toBeUndefined();
    const begun = (): string | undefined =>
      collector.spans.find(({ traceId, name }) => name === DELIVER.name && !before.has(traceId))?.traceId;
    expectOneTrace(await spansOf(begun), '');
  });

  test('a trace that its client does not sample is not recorded', async () => {
    const traceId = '11111111111111111111111111111111';
    await exchange('unsampled', { traceparent: `00-${traceId}-b7ad6b7169203331-00` });
    await exchange('sampled/behind/it', {
      traceparent: '00-22222222222222222222222222222222-b7ad6b7169203331-01',
    });
    await spansOf(() => '22222222222222222222222222222222');
    expect(collector.trace(traceId)).toEqual([]);
  });
});

describe('HTTP API', () => {
  const url = (file: string): string => `http://${cluster.first('admin-api').address('http')}${file}`;
  const password = (): string =>
    readFileSync(
      path.join(cluster.first('meta-service').spec.dataDir, 'initial-admin-password'),
      'utf8',
    ).trim();
  const as = (user: string, secret: string): RequestInit => ({
    headers: { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` },
  });

  test('tells its health to everybody and the cluster to the admin of the first start', async () => {
    expect(await (await fetch(url('/api/v1/health'))).json()).toEqual({ status: 'healthy' });
    const answer = await fetch(url('/api/v1/cluster'), as('admin', password()));
    expect(answer.status).toBe(200);
    const overview = (await answer.json()) as { services: Record<string, unknown> };
    expect(overview.services).toEqual(
      Object.fromEntries(SERVICES.map((service) => [service, { live: 1, known: 1 }])),
    );
  });

  test.each([
    ['nobody', {}],
    ['a wrong password', as('admin', 'wrong')],
    ['an unknown user', as('root', 'wrong')],
  ])('tells nothing to %s', async (_name, init) => {
    const answer = await fetch(url('/api/v1/nodes'), init);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({ code: 'unauthenticated', message: expect.any(String) });
  });

  test('serves the description that the repository has', async () => {
    const file = readFileSync(path.join(__dirname, '../../docs/openapi.json'), 'utf8');
    expect(await (await fetch(url('/openapi.json'))).json()).toEqual(JSON.parse(file));
  });
});

describe('ops port', () => {
  test.each(SERVICES)('of %s answers probes', async (service) => {
    const answers = await Promise.all(
      ['/livez', '/startupz', '/readyz'].map(async (file) => (await ops(service, file)).status),
    );
    expect(answers).toEqual([200, 200, 200]);
    expect((await ops(service, '/nothing')).status).toBe(404);
  });

  // The last one: it ends a process.
  test('drains the process for whoever has the token, and for nobody else', async () => {
    const admin = cluster.first('admin-api');
    const url = `http://${admin.address('ops')}/drain`;
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { origin: 'http://page.example' }])
      expect((await fetch(url, { method: 'POST', headers })).status).toBe(403);
    expect(admin.running).toBe(true);
    expect((await ops('admin-api', '/drain', { method: 'POST' })).status).toBe(202);
    expect(await admin.exited()).toEqual({ code: 0, signal: null });
  });
});
