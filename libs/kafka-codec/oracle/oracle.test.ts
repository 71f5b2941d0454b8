// Apache Kafka's own classes as the oracle: what we write they read, and they write the same bytes. It needs Java and
// Maven, so it is a suite of `npm test`, which installs them or tells that they are missing, and no unit test.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { kafkaClientsJar } from '../generator/descriptors.ts';
import { API_MESSAGES, KafkaWriter } from '../src/index.ts';
import { MESSAGES, messageOf } from '../test/random-message.ts';

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

/** Samples of every message in every version, each as a line for the oracle: "<message> <version> <hex>". */
function sampleLines(): string[] {
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
  return lines;
}

test('the Java classes read and write the same bytes', () => {
  const lines = sampleLines();
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
  expect(java).toMatchObject({ status: 0 });
  const answers = java.stdout.trimEnd().split('\n');
  expect(answers).toHaveLength(lines.length);
  const wrong = lines.filter((line, index) => line.split(' ')[2] !== answers[index]);
  expect(wrong.map((line) => `${line} -> ${answers[lines.indexOf(line)] ?? ''}`.slice(0, 400))).toEqual([]);
});
