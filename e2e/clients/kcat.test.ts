// kcat (librdkafka 2.0): the Kafka client of people who debug.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { waitUntil } from '@robustmq/testkit/cluster';

import { type Brokers, startBrokers } from '../cluster/brokers.ts';
import { Program, runProgram } from './program.ts';

let brokers: Brokers;
let scratch: string;

beforeAll(async () => {
  brokers = await startBrokers();
  scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-kcat-'));
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await brokers.remove();
});

const LINES = Array.from({ length: 500 }, (_, n) => `key-${n % 7}:value number ${n} ${'x'.repeat(50)}`);

async function kcat(args: readonly string[], input?: string): Promise<string[]> {
  const { stdout } = await runProgram(
    'kcat',
    ['-b', brokers.kafka, ...args],
    input === undefined ? {} : { input },
  );
  return stdout.split('\n').slice(0, -1);
}

const consume = (topic: string, ...args: string[]): Promise<string[]> =>
  kcat(['-C', '-q', '-e', '-t', topic, ...args]);

test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
  'codec %s: keys and values come back in order',
  async (codec) => {
    const topic = `kcat-${codec}`;
    await kcat(['-P', '-t', topic, '-K:', '-z', codec, '-X', 'linger.ms=20'], `${LINES.join('\n')}\n`);
    expect(await consume(topic, '-K:')).toEqual(LINES);
  },
);

test.each(['0', '1', '-1'])('acks=%s: everything that was sent is there', async (acks) => {
  const topic = `kcat-acks${acks}`;
  await kcat(['-P', '-t', topic, '-K:', '-X', `acks=${acks}`], `${LINES.join('\n')}\n`);
  await waitUntil('500 records', 15_000, async () => (await consume(topic, '-K:')).length === LINES.length);
});

test('headers and a null value (tombstone) survive', async () => {
  await kcat(['-P', '-t', 'kcat-headers', '-K:', '-Z', '-H', 'colour=blue', '-H', 'size=7'], 'a:body\nb:\n');
  expect(await consume('kcat-headers', '-f', '%k|%S|%h\n')).toEqual([
    'a|4|colour=blue,size=7',
    'b|-1|colour=blue,size=7',
  ]);
});

test('an idempotent producer is accepted and repeats nothing (KIP-98)', async () => {
  await kcat(
    ['-P', '-t', 'kcat-idempotent', '-K:', '-X', 'enable.idempotence=true'],
    `${LINES.join('\n')}\n`,
  );
  expect(await consume('kcat-idempotent', '-K:')).toEqual(LINES);
});

test('offsets by time: a time stamp finds the first record at or after it', async () => {
  await kcat(['-P', '-t', 'kcat-time'], 'early\n');
  const between = Date.now() + 5;
  await waitUntil('the clock moved on', 1_000, () => Date.now() > between + 5);
  await kcat(['-P', '-t', 'kcat-time'], 'late\n');
  expect(await kcat(['-Q', '-t', `kcat-time:0:${between}`])).toEqual(['kcat-time [0] offset 1']);
  expect(await consume('kcat-time', '-o', `s@${between}`)).toEqual(['late']);
  expect(await consume('kcat-time', '-o', '-1')).toEqual(['late']);
});

test('metadata names broker, topic, partition and leader', async () => {
  await kcat(['-P', '-t', 'kcat-metadata'], 'x\n');
  const metadata = (await kcat(['-L', '-t', 'kcat-metadata'])).join('\n');
  expect(metadata).toMatch(new RegExp(`broker \\d+ at ${brokers.kafka}`));
  expect(metadata).toMatch(
    /topic "kcat-metadata" with 1 partitions:\n\s+partition 0, leader \d+, replicas: \d+, isrs: \d+/,
  );
});

test('a group goes on where it committed, whoever is its member', async () => {
  await kcat(['-P', '-t', 'kcat-group'], 'one\ntwo\n');
  const member = (...args: string[]): Program =>
    new Program('stdbuf', [
      '-oL',
      'kcat',
      '-b',
      brokers.kafka,
      '-q',
      '-X',
      'auto.offset.reset=earliest',
      ...args,
      '-G',
      'kcat-members',
      'kcat-group',
    ]);
  const first = member();
  expect(await first.waitForLines(2)).toEqual(['one', 'two']);
  await first.stop();
  await kcat(['-P', '-t', 'kcat-group'], 'three\n');
  const second = member();
  expect(await second.waitForLines(1)).toEqual(['three']);
  await second.stop();
});

test('a transactional producer ends with an error instead of asking for ever', async () => {
  const args = ['-P', '-t', 'kcat-transaction', '-X', 'transactional.id=one'];
  await expect(kcat(args, 'a\n')).rejects.toThrow(/authorization|transaction/i);
});
