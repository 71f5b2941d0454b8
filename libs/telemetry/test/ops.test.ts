import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { z } from '@robustmq/config';
import { listenTcp } from '@robustmq/runtime';
import { BucketHistogram, startTelemetry, telemetrySettings, type Telemetry } from '../src/index.ts';
import { createMetrics } from '../src/metrics.ts';
import type { TelemetryValues } from '../src/settings.ts';

const schema = z.strictObject({ ...telemetrySettings(9090) });

interface Started {
  telemetry: Telemetry;
  lines: string[];
  drains: () => number;
  call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>;
}

const running: Telemetry[] = [];

async function start(overrides: Partial<Record<keyof TelemetryValues, object>> = {}): Promise<Started> {
  const settings = schema.parse({ ops: { port: 0 }, ...overrides });
  const lines: string[] = [];
  let drainCount = 0;
  const telemetry = await startTelemetry({
    service: 'journal-server',
    nodeId: 'j1',
    version: '1.2.3',
    settings,
    onDrain: () => drainCount++,
    logDestination: { write: (line) => void lines.push(line) },
  });
  running.push(telemetry);
  const call: Started['call'] = (method, path, body, headers = {}) =>
    fetch(`http://127.0.0.1:${telemetry.opsPort}${path}`, {
      method,
      headers: { connection: 'close', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return { telemetry, lines, drains: () => drainCount, call };
}

/** Exit code of trace-export.fixture.ts. */
function runFixture(endpoint: string): Promise<number> {
  const path = require.resolve('./trace-export.fixture.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [path, endpoint], { timeout: 15_000 }, (error) =>
      resolve(error === null ? 0 : Number(error.code ?? -1)),
    );
  });
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((telemetry) => telemetry.stop()));
});

describe('probes', () => {
  it('live at once, started and ready when the process says so', async () => {
    const { telemetry, call } = await start();
    expect((await call('GET', '/livez')).status).toBe(200);
    expect((await call('GET', '/startupz')).status).toBe(503);
    expect(await (await call('GET', '/readyz')).json()).toEqual({
      status: 'not ready',
      problems: { startup: 'not finished' },
    });
    telemetry.health.markStarted();
    expect((await call('GET', '/startupz')).status).toBe(200);
    expect((await call('GET', '/readyz')).status).toBe(200);
  });

  it('names the reason, and a drain is one; live never changes', async () => {
    const { telemetry, call } = await start();
    telemetry.health.markStarted();
    let problem: string | null = 'no lease';
    telemetry.health.addCheck('lease', () => problem);
    expect(await (await call('GET', '/readyz?verbose')).json()).toMatchObject({
      problems: { lease: 'no lease' },
    });
    problem = null;
    expect((await call('GET', '/readyz')).status).toBe(200);
    telemetry.health.markDraining();
    expect(telemetry.health.isDraining).toBe(true);
    expect(await (await call('GET', '/readyz')).json()).toMatchObject({ problems: { drain: 'in progress' } });
    expect((await call('HEAD', '/livez')).status).toBe(200);
  });

  it('answers unknown paths and methods with 404', async () => {
    const { call } = await start();
    expect((await call('GET', '/')).status).toBe(404);
    expect((await call('DELETE', '/log-filter')).status).toBe(404);
    expect((await call('GET', '/drain')).status).toBe(404);
  });
});

describe('metrics', () => {
  it('shows counters, gauges and histograms as Prometheus reads them', async () => {
    const { telemetry, call } = await start();
    const counters = { publishes: 3, dropped: { limit: 1, expired: 2 } };
    const latency = new BucketHistogram([0.1, 1]);
    telemetry.metrics.registerCounters([
      { name: 'robustmq_mqtt_publishes_total', help: 'Publishes taken.', read: () => counters.publishes },
      {
        name: 'robustmq_mqtt_dropped_total',
        help: 'Messages dropped.',
        read: () =>
          Object.entries(counters.dropped).map(([reason, value]) => ({ value, attributes: { reason } })),
      },
    ]);
    telemetry.metrics.registerGauges([
      { name: 'robustmq_journal_log_bytes', help: 'Size of the log.', unit: 'By', read: () => 77 },
    ]);
    const histogram = { name: 'robustmq_journal_sync_seconds', help: 'Time of a sync.', unit: 's' as const };
    telemetry.metrics.registerHistograms([
      { ...histogram, histogram: latency, attributes: { directory: 'a' } },
      { ...histogram, histogram: new BucketHistogram([0.1, 1]), attributes: { directory: 'b' } },
    ]);
    counters.publishes = 5;
    latency.record(0.05);
    latency.record(0.5);
    latency.record(5);
    const response = await call('GET', '/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await response.text();
    for (const line of [
      '# TYPE robustmq_mqtt_publishes_total counter',
      'robustmq_mqtt_publishes_total 5',
      'robustmq_mqtt_dropped_total{reason="expired"} 2',
      'robustmq_journal_log_bytes 77',
      '# TYPE robustmq_journal_sync_seconds histogram',
      'robustmq_journal_sync_seconds_bucket{directory="a",le="0.1"} 1',
      'robustmq_journal_sync_seconds_bucket{directory="a",le="1"} 2',
      'robustmq_journal_sync_seconds_bucket{directory="a",le="+Inf"} 3',
      'robustmq_journal_sync_seconds_sum{directory="a"} 5.55',
      'robustmq_journal_sync_seconds_count{directory="a"} 3',
      'robustmq_journal_sync_seconds_count{directory="b"} 0',
      `robustmq_build_info{version="1.2.3",node="${process.version}"} 1`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/^target_info\{.*service_name="robustmq-journal-server".*\} 1$/m);
    expect(text).toMatch(/^robustmq_process_cpu_seconds_total 0\.\d+|[1-9]/m);
    expect(text).toMatch(/^robustmq_process_resident_memory_bytes \d+$/m);
  });

  it.each([
    ['a counter without _total', 'robustmq_a', undefined, 'counter'],
    ['a gauge with _total', 'robustmq_a_total', undefined, 'gauge'],
    ['a foreign prefix', 'mqtt_a_total', undefined, 'counter'],
    ['camel case', 'robustmq_aB_total', undefined, 'counter'],
    ['seconds without their name', 'robustmq_a', 's', 'gauge'],
    ['bytes without their name', 'robustmq_a_total', 'By', 'counter'],
    ['a count with the name of bytes', 'robustmq_a_bytes_total', undefined, 'counter'],
    ['a count with the name of seconds', 'robustmq_a_seconds', '1', 'gauge'],
  ] as const)('refuses %s', (_label, name, unit, kind) => {
    const metrics = createMetrics({ service: 's', nodeId: 'n', version: '0' });
    const definition = { name, help: '', read: () => 0, ...(unit === undefined ? {} : { unit }) };
    const act = (): void =>
      kind === 'counter' ? metrics.registerCounters([definition]) : metrics.registerGauges([definition]);
    expect(act).toThrow(expect.objectContaining({ name: 'AssertionError' }));
  });
});

describe('log filter over HTTP', () => {
  it('is set, shown and taken back', async () => {
    const { telemetry, lines, call } = await start();
    const response = await call('PUT', '/log-filter', { clientIds: ['c1'], seconds: 60 });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ clientIds: ['c1'], topics: [] });
    telemetry.log.logger.debug({ client_id: 'c1' }, 'seen');
    expect(lines.join('')).toContain('seen');
    expect(await (await call('GET', '/log-filter')).json()).toMatchObject({ clientIds: ['c1'] });
    await call('PUT', '/log-filter', {});
    expect(telemetry.log.filter.isActive).toBe(false);
  });

  it.each<[string, unknown, number]>([
    ['no JSON', '{', 400],
    ['no object', [], 400],
    ['unknown key', { clients: [] }, 400],
    ['numbers for names', { topics: [1] }, 400],
    ['too many names', { topics: new Array<string>(1001).fill('a') }, 400],
    ['no time', { seconds: 0 }, 400],
    ['for ever', { seconds: 1e9 }, 400],
    ['a huge body', ' '.repeat(70_000), 413],
  ])('refuses %s', async (_name, body, status) => {
    const { call } = await start();
    expect((await call('PUT', '/log-filter', body)).status).toBe(status);
  });
});

describe('what changes something', () => {
  it('drain answers at once and starts the end', async () => {
    const { telemetry, drains, call } = await start();
    expect((await call('POST', '/drain')).status).toBe(202);
    expect([drains(), telemetry.health.isDraining]).toEqual([1, true]);
  });

  it('is not for web pages', async () => {
    const { drains, call } = await start();
    expect((await call('POST', '/drain', undefined, { origin: 'http://evil.example' })).status).toBe(403);
    expect(drains()).toBe(0);
  });

  it('needs the token when there is one', async () => {
    const { drains, call } = await start({ ops: { port: 0, token: 'correct horse' } });
    for (const authorization of ['', 'Bearer wrong', 'Bearer correct horsf']) {
      expect((await call('POST', '/drain', undefined, { authorization })).status).toBe(403);
    }
    expect((await call('POST', '/drain', undefined, { authorization: 'Bearer correct horse' })).status).toBe(
      202,
    );
    expect(drains()).toBe(1);
  });
});

describe('startTelemetry', () => {
  it('names the port and the option when the port is taken', async () => {
    const { telemetry } = await start();
    await expect(start({ ops: { port: telemetry.opsPort } })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('ops.port') as string,
    });
  });

  it('traces only with an endpoint', async () => {
    expect((await start()).telemetry.sampler.isOn).toBe(false);
    const { telemetry } = await start({ traces: { endpoint: 'http://127.0.0.1:1/v1/traces', ratio: 1 } });
    expect(telemetry.sampler.isOn).toBe(true);
  });

  it('sends what is left before it stops', async () => {
    const bodies: string[] = [];
    const collector = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(Buffer.concat(chunks).toString('latin1'));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    const { port } = await listenTcp(collector, '127.0.0.1', 0, 'test');
    expect(await runFixture(`http://127.0.0.1:${port}/v1/traces`)).toBe(0);
    expect(bodies.join()).toContain('robustmq append');
    expect(bodies.join()).toContain('robustmq-journal-server');
    await new Promise((resolve) => collector.close(resolve));
  });

  it('ends in good order without a collector', async () => {
    expect(await runFixture('http://127.0.0.1:1/v1/traces')).toBe(0);
  });

  it('has settings with defaults and Chinese descriptions', () => {
    expect(schema.parse({})).toEqual({
      log: { level: 'info' },
      traces: { ratio: 0.001 },
      ops: { host: '127.0.0.1', port: 9090 },
    });
  });
});
