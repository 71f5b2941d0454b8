// Apache Kafka's own classes as the oracle: what we write they read, and they write the same bytes.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { kafkaClientsJar, missingTool } from '../generator/descriptors.ts';
import { API_MESSAGES, KafkaWriter } from '../src/index.ts';
import { MESSAGES, messageOf } from './random-message.ts';

const SAMPLES = 6;
const SEED = Number(process.env['ORACLE_SEED'] ?? 20_261_124);

type Write = (writer: KafkaWriter, version: number, value: never) => void;

function writerOf(name: string): Write | undefined {
  for (const api of Object.values(API_MESSAGES)) {
    if (name === `${api.name}Request`) return api.writeRequest;
    if (name === `${api.name}Response`) return api.writeResponse;
  }
  return undefined;
}

function unavailable(): string | undefined {
  const missing = missingTool();
  if (missing !== undefined) return `"${missing}" is not installed`;
  try {
    kafkaClientsJar();
    return undefined;
  } catch {
    return 'the kafka-clients jar cannot be fetched';
  }
}

const reason = unavailable();
const inCi = process.env['CI'] === 'true';
const suite = reason === undefined || inCi ? test : test.skip;
const note = reason === undefined ? '' : ` (skipped: ${reason})`;

suite(
  `the Java classes read and write the same bytes${note}`,
  () => {
    expect(reason).toBeUndefined();
    const lines: string[] = [];
    for (const message of MESSAGES) {
      const write = writerOf(message.name);
      if (write === undefined) continue;
      for (let version = message.validVersions.min; version <= message.validVersions.max; version += 1) {
        for (const value of fc.sample(messageOf(message, version), {
          numRuns: SAMPLES,
          seed: SEED + version,
        })) {
          const writer = new KafkaWriter();
          write(writer, version, value as never);
          lines.push(`${message.name} ${version} ${writer.finish().toString('hex')}`);
        }
      }
    }
    const java = spawnSync(
      'java',
      ['-Xmx256m', '-cp', kafkaClientsJar(), path.join(__dirname, 'Oracle.java')],
      {
        input: lines.join('\n'),
        maxBuffer: 256 * 1024 * 1024,
        encoding: 'utf8',
      },
    );
    expect(lines.length).toBeGreaterThan(1_000);
    expect(java.status).toBe(0);
    const answers = java.stdout.trimEnd().split('\n');
    expect(answers).toHaveLength(lines.length);
    const wrong = lines.filter((line, index) => line.split(' ')[2] !== answers[index]);
    expect(wrong.map((line) => `${line} -> ${answers[lines.indexOf(line)] ?? ''}`.slice(0, 400))).toEqual([]);
  },
  120_000,
);
