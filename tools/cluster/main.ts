// `npm run cluster`: so many of each service on loopback, described by DIR/cluster.json, until Ctrl-C.
import path from 'node:path';

import { type Cluster, LOOPBACK_DEFAULTS } from '@robustmq/testkit/cluster';
import { Command, InvalidArgumentError } from 'commander';

import { runInForeground } from './foreground.ts';

interface ClusterOptions {
  readonly meta: number;
  readonly journal: number;
  readonly mqtt: number;
  readonly kafka: number;
  readonly data: string;
  readonly basePort: number;
}

const command = new Command('npm run cluster --')
  .description('Starts so many of each service on loopback and writes cluster.json into the data folder.')
  .option('--meta <n>', 'meta-service processes (one until the cluster release)', parseCount, 1)
  .option('--journal <n>', 'journal-server processes (one until the cluster release)', parseCount, 1)
  .option('--mqtt <n>', 'mqtt-gateway processes', parseCount, 1)
  .option('--kafka <n>', 'kafka-gateway processes', parseCount, 1)
  .option('--data <folder>', 'where all data lives', 'data/cluster')
  .option('--base-port <port>', 'first of the ports', parsePort, 21_000)
  .parse();

const options = command.opts<ClusterOptions>();
process.exitCode = await runInForeground({
  restart: 'on-request',
  greet: table,
  plan: {
    dataDir: path.resolve(options.data),
    counts: {
      'meta-service': options.meta,
      'journal-server': options.journal,
      'mqtt-gateway': options.mqtt,
      'kafka-gateway': options.kafka,
      'admin-api': 1,
    },
    ports: { kind: 'base', basePort: options.basePort },
    extraFlags: LOOPBACK_DEFAULTS,
  },
});

function table(cluster: Cluster): string {
  const rows = cluster.processes.map((each) => {
    const addresses = Object.entries(each.spec.addresses).map(([name, address]) => `${name}=${address}`);
    return `  ${each.nodeId.padEnd(10)} pid ${String(each.pid).padEnd(8)} ${addresses.join('  ')}`;
  });
  return [...rows, '', `described in ${path.join(cluster.dataDir, 'cluster.json')}; Ctrl-C drains`].join(
    '\n',
  );
}

function parseCount(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('a number of processes is expected');
  return Number(text);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_000)
    throw new InvalidArgumentError('a port is 1 to 65000');
  return port;
}
