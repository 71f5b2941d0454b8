// The options of `npm start`.
import { portOption, SERVICE_FACTS, SERVICES } from '@robustmq/testkit/cluster';
import { Command, InvalidArgumentError } from 'commander';

import { configOption, type OptionValues } from './plan.ts';

/** Reads what stands behind `npm start --`; a wrong option, or `--help`, ends the process. */
export function optionsOf(args: readonly string[]): OptionValues {
  const made = new Command('npm start --')
    .description('Starts RobustMQ: MQTT on 1883, Kafka on 9092, HTTP API on 58080, on loopback.')
    .option('--data <folder>', 'where all data lives', 'data')
    .option(
      '--host <address>',
      'where the ports for clients listen (127.0.0.1); beyond loopback MQTT clients need a user, and Kafka clients none',
    );
  for (const service of SERVICES) {
    made.option(
      `--${configOption(service)} <file>`,
      `YAML configuration of ${service}, instead of what npm start sets for trying`,
    );
    for (const { endpoint, defaultPort } of SERVICE_FACTS[service].ports) {
      made.option(
        `--${portOption(service, endpoint)} <port>`,
        `${endpoint} port of ${service} (${defaultPort})`,
        parsePort,
      );
    }
  }
  return made.parse(args, { from: 'user' }).opts<OptionValues>();
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('a port is 1 to 65535');
  return port;
}
