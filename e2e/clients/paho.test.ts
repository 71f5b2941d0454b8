// paho-mqtt: the Python client, MQTT 3.1, 3.1.1 and 5.
import path from 'node:path';

import { type Brokers, startBrokers } from '../cluster/brokers.ts';
import { python } from '../install/needs.ts';
import { runProgram } from './program.ts';

let brokers: Brokers;
beforeAll(async () => {
  brokers = await startBrokers();
});
afterAll(() => brokers.remove());

/** Protocol levels as paho names them. */
const EVERY_VERSION = [3, 4, 5];

test.each([
  ...EVERY_VERSION.map((version) => ['qos', version, 'QoS 0 and 1 in order (I3)'] as const),
  ...EVERY_VERSION.map((version) => ['backlog', version, 'a durable session gets its backlog (I5)'] as const),
  ...EVERY_VERSION.map(
    (version) => ['resubscribe', version, 'nothing between UNSUBACK and SUBSCRIBE'] as const,
  ),
  ['properties', 5, 'properties arrive as sent'] as const,
])('%s, protocol level %i: %s', async (scenario, version) => {
  const script = path.join(__dirname, 'python', 'paho_scenarios.py');
  await runProgram(python(), [script, scenario, String(brokers.mqttPort), String(version)], {
    timeoutMs: 55_000,
  });
});
