// `npm start`: one of each service on loopback with well-known ports, until Ctrl-C.
import path from 'node:path';

import {
  LOOPBACK_DEFAULTS,
  ONE_OF_EACH,
  portOption,
  SERVICE_FACTS,
  SERVICES,
} from '@robustmq/testkit/cluster';
import { Command, InvalidArgumentError } from 'commander';

import { runInForeground } from '../cluster/foreground.ts';
import { FirstPassword } from './first-password.ts';
import { welcome } from './welcome.ts';

const command = new Command('npm start --')
  .description('Starts RobustMQ on loopback: MQTT on 1883, Kafka on 9092, HTTP API on 58080.')
  .option('--data <folder>', 'where all data lives', 'data');
for (const service of SERVICES) {
  for (const { endpoint, defaultPort } of SERVICE_FACTS[service].ports) {
    command.option(
      `--${portOption(service, endpoint)} <port>`,
      `${endpoint} port of ${service} (${defaultPort})`,
      parsePort,
    );
  }
}
command.parse();

const { data, ...rest } = command.opts<{ data: string } & Record<string, number | string>>();
const dataDir = path.resolve(data);
const password = new FirstPassword(path.join(dataDir, `${SERVICE_FACTS['meta-service'].nodePrefix}-1`));
process.exitCode = await runInForeground({
  restart: 'always',
  greet: (cluster) => welcome(cluster, password),
  plan: {
    dataDir,
    counts: ONE_OF_EACH,
    ports: { kind: 'default', overrides: portOverrides(rest) },
    extraFlags: LOOPBACK_DEFAULTS,
  },
});

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('a port is 1 to 65535');
  return port;
}

/** Commander's camel-cased option values back under the options' own names. */
function portOverrides(values: Readonly<Record<string, number | string>>): Record<string, number> {
  const overrides: Record<string, number> = {};
  for (const [name, value] of Object.entries(values)) {
    overrides[name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)] = Number(value);
  }
  return overrides;
}
