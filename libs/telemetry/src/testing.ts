// What tests of other packages need: their metrics as Prometheus would read them, with the names checked as at a real start.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrokerError } from '@robustmq/errors';
import { createMetrics, type Metrics } from './metrics.ts';

const SAMPLE = /^([a-z_0-9]+)(?:\{[^}]*\})? (\S+)$/gm;

/**
 * Registers instruments with real metrics and scrapes them.
 * @returns the last value of each name
 * @throws an error when a name is not as metrics are named, is registered twice, or shows nothing in the scrape
 */
export async function scraped(register: (metrics: Metrics) => void): Promise<ReadonlyMap<string, number>> {
  const metrics = createMetrics({ service: 'test', nodeId: 'test-1', version: '0' });
  const names: string[] = [];
  register({
    ...metrics,
    registerCounters: (added) => {
      names.push(...added.map(({ name }) => name));
      metrics.registerCounters(added);
    },
    registerGauges: (added) => {
      names.push(...added.map(({ name }) => name));
      metrics.registerGauges(added);
    },
    registerHistograms: (added) => {
      names.push(...new Set(added.map(({ name }) => `${name}_count`)));
      metrics.registerHistograms(added);
    },
  });
  const text = await scrape(metrics);
  await metrics.shutdown();
  const values = new Map([...text.matchAll(SAMPLE)].map(([, name, value]) => [name ?? '', Number(value)]));
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  const missing = names.filter((name) => !values.has(name));
  if (twice.length > 0) throw new BrokerError('internal', `registered twice: ${twice.join()}`);
  if (missing.length > 0) throw new BrokerError('internal', `not in the scrape: ${missing.join()}\n${text}`);
  return values;
}

function scrape(metrics: Metrics): Promise<string> {
  return new Promise((resolve) => {
    const response = { setHeader: () => undefined, end: (text: string) => resolve(text) };
    metrics.handleScrape({ headers: {} } as IncomingMessage, response as unknown as ServerResponse);
  });
}
