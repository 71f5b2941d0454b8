// confluent-kafka: Python on librdkafka 2.16.
import path from 'node:path';

import { type Brokers, startBrokers } from '../cluster/brokers.ts';
import { python } from '../install/needs.ts';
import { runProgram } from './program.ts';

let brokers: Brokers;
beforeAll(async () => {
  brokers = await startBrokers();
});
afterAll(() => brokers.remove());

test.each([
  ['codecs', 'five codecs come back in order'],
  ['idempotent', 'an idempotent producer writes each record once (KIP-98)'],
  ['topics', 'topics are created, refused, described, altered, grown and deleted'],
  ['rebalance', 'a second member takes its share and gives it back'],
  ['times', 'offsets by time, and the ends of a partition'],
  ['commits', 'a commit with metadata is where the next member begins'],
])('%s: %s', async (scenario) => {
  await runProgram(
    python(),
    [path.join(__dirname, 'python', 'confluent_scenarios.py'), scenario, brokers.kafka],
    { timeoutMs: 55_000 },
  );
});
