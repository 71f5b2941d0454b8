// What Prometheus reads of a journal-server, over its incarnations.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { scraped } from '@robustmq/telemetry/testing';
import type { Journal } from '../src/journal.ts';
import { registerMetrics, ServerFigures } from '../src/process/metrics.ts';
import { FakeCluster } from './fake-cluster.ts';
import { startJournal, until } from './running-journal.ts';

let dataDirectory: string;
beforeEach(() => (dataDirectory = mkdtempSync(path.join(tmpdir(), 'journal-'))));
afterEach(() => rmSync(dataDirectory, { recursive: true, force: true }));

/** As registered at the start of a process whose journal is this one now. */
const read = (journal: Journal | undefined): Promise<ReadonlyMap<string, number>> =>
  scraped((metrics) => registerMetrics(metrics, () => journal, new ServerFigures()));

test('every name says its unit, once, and has a value, also while no incarnation serves', async () => {
  const running = await startJournal({ dataDirectory, cluster: new FakeCluster(), incarnation: 1 });
  const client = running.client();
  await until(() => client.connected, 'connection');
  const serving = await read(running.journal);
  expect(serving.get('robustmq_journal_exchanges')).toBe(1);
  client.close();
  await until(() => running.journal.exchanges.size === 0, 'the end of the stream');
  const idle = await read(running.journal);
  expect(idle.get('robustmq_journal_exchanges')).toBe(0);
  await running.close();
  expect([...(await read(undefined)).keys()]).toEqual([...serving.keys()]);
});
