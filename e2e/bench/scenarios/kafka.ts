// The Kafka rows: Apache Kafka's own performance tools as the load, the same for every system.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { BrokerError } from '@robustmq/errors';

import { kafkaClassPath } from '../../install/needs.ts';
import { cpuSeconds, residentBytes } from '../processes.ts';
import type { RunningSystem } from '../systems/system.ts';
import type { Measurement, Scenario } from './scenario.ts';

const run = promisify(execFile);
const TOOL_TIMEOUT_MS = 180_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;
const TOPIC = 'bench';
const LATENCY_RECORDS = 5_000;

async function tool(main: string, args: readonly string[]): Promise<string> {
  const java = ['-Xmx512m', '-cp', kafkaClassPath(), `org.apache.kafka.tools.${main}`, ...args];
  const { stdout } = await run('java', java, { timeout: TOOL_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES });
  return stdout;
}

const bootstrapOf = (system: RunningSystem): string => `${system.host}:${system.kafkaPort ?? 0}`;

function figure(output: string, pattern: RegExp): number {
  const found = pattern.exec(output);
  if (found === null) throw new BrokerError('malformed', `no ${pattern.source} in:\n${output.slice(-2_000)}`);
  return Number(found[1]);
}

/** Runs the producer to its end; its last line has the figures. */
async function produce(
  system: RunningSystem,
  records: number,
  recordBytes: number,
  compression = 'none',
): Promise<Measurement> {
  const args = [
    '--topic',
    TOPIC,
    '--num-records',
    String(records),
    '--record-size',
    String(recordBytes),
    '--throughput',
    '-1',
  ];
  const cpuBefore = cpuSeconds(system.pids);
  const output = await tool('ProducerPerformance', [
    ...args,
    '--producer-props',
    `bootstrap.servers=${bootstrapOf(system)}`,
    'acks=all',
    `compression.type=${compression}`,
  ]);
  const cpu = cpuSeconds(system.pids) - cpuBefore;
  const last = output.trim().split('\n').at(-1) ?? '';
  return {
    perSecond: figure(last, /([\d.]+) records\/sec/),
    cpuSecondsPerMillion: (cpu / records) * 1_000_000,
    p50Ms: figure(last, /(\d+) ms 50th/),
    p99Ms: figure(last, /(\d+) ms 99th/),
    p999Ms: figure(last, /(\d+) ms 99\.9th/),
    residentMegabytes: residentBytes(system.pids) / 1024 / 1024,
    lost: records - figure(last, /^(\d+) records sent/),
  };
}

/** Reads a topic that was filled before, join of the group included. */
async function consume(system: RunningSystem, records: number, recordBytes: number): Promise<Measurement> {
  await produce(system, records, recordBytes);
  const cpuBefore = cpuSeconds(system.pids);
  const args = [
    '--bootstrap-server',
    bootstrapOf(system),
    '--topic',
    TOPIC,
    '--num-records',
    String(records),
    '--timeout',
    '30000',
  ];
  const output = await tool('ConsumerPerformance', args);
  const cpu = cpuSeconds(system.pids) - cpuBefore;
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, ...
  const columns = (output.trim().split('\n').at(-1) ?? '').split(', ');
  const read = Number(columns[4]);
  return {
    perSecond: Number(columns[5]),
    cpuSecondsPerMillion: (cpu / records) * 1_000_000,
    residentMegabytes: residentBytes(system.pids) / 1024 / 1024,
    lost: Math.max(0, records - read),
  };
}

/** One record at a time, from send to receive. */
async function endToEnd(system: RunningSystem): Promise<Measurement> {
  const cpuBefore = cpuSeconds(system.pids);
  const options = [
    '--topic',
    TOPIC,
    '--num-records',
    String(LATENCY_RECORDS),
    '--producer-acks',
    'all',
    '--record-size',
    '100',
  ];
  const output = await tool('EndToEndLatency', ['--bootstrap-server', bootstrapOf(system), ...options]);
  return {
    cpuSecondsPerMillion: ((cpuSeconds(system.pids) - cpuBefore) / LATENCY_RECORDS) * 1_000_000,
    p50Ms: figure(output, /50th = (\d+)/),
    p99Ms: figure(output, /99th = (\d+)/),
    p999Ms: figure(output, /99\.9th = (\d+)/),
  };
}

/** The Kafka rows of the report. */
export const kafkaScenarios: readonly Scenario[] = [
  {
    name: 'kafka-produce-100b',
    title: 'Kafka produce, acks=all, 1 M × 100 B',
    protocol: 'kafka',
    target: '≥ 1.0× Kafka',
    run: (system) => produce(system, 1_000_000, 100),
  },
  {
    name: 'kafka-produce-1k',
    title: 'Kafka produce, acks=all, 100 k × 1 KB',
    protocol: 'kafka',
    target: '≥ 1.0× Kafka',
    run: (system) => produce(system, 100_000, 1_024),
  },
  ...['lz4', 'zstd'].map((codec): Scenario => ({
    name: `kafka-produce-1k-${codec}`,
    title: `Kafka produce, acks=all, 100 k × 1 KB, ${codec}`,
    protocol: 'kafka',
    target: '≥ 1.0× Kafka',
    run: (system) => produce(system, 100_000, 1_024, codec),
  })),
  {
    name: 'kafka-consume',
    title: 'Kafka consume, 1 M × 100 B, join included',
    protocol: 'kafka',
    target: '≥ 1.0× Kafka',
    run: (system) => consume(system, 1_000_000, 100),
  },
  {
    name: 'kafka-latency',
    title: 'Kafka end to end, one record at a time, acks=all',
    protocol: 'kafka',
    target: 'p99 ≤ 1.5× Kafka',
    run: endToEnd,
  },
];
