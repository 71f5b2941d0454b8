// Apache Kafka as one combined KRaft node, with its own defaults: it acknowledges from memory and never syncs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { kafkaClassPath, meetNeed } from '../../install/needs.ts';
import { BrokerError } from '@robustmq/errors';
import { FreePorts } from '@robustmq/testkit/cluster';

import { Child } from './child.ts';
import type { RunningSystem, System } from './system.ts';

const HOST = '127.0.0.1';
// Any fixed 16 bytes in URL-safe base64: the cluster lives for one run.
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';

function properties(folder: string, port: number, controllerPort: number): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@${HOST}:${controllerPort}`,
    `listeners=PLAINTEXT://${HOST}:${port},CONTROLLER://${HOST}:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://${HOST}:${port}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${path.join(folder, 'logs')}`,
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    '',
  ].join('\n');
}

/** Apache Kafka 4.3.1. */
export const kafka: System = {
  name: 'kafka',
  description:
    'Apache Kafka 4.3.1, one combined KRaft node, defaults (no fsync before an acknowledgement), 1 GB heap',
  speaks: ['kafka'],
  async start(scratchDir: string): Promise<RunningSystem> {
    const missing = await meetNeed('kafka-jars', (line) => process.stdout.write(`  ${line}\n`));
    if (missing !== undefined) throw new BrokerError('unavailable', missing);
    const folder = path.join(scratchDir, 'kafka');
    mkdirSync(folder, { recursive: true });
    const ports = new FreePorts(HOST, process.pid + 3);
    const port = await ports.take();
    const config = path.join(folder, 'server.properties');
    const logging = path.join(folder, 'log4j2.properties');
    writeFileSync(config, properties(folder, port, await ports.take()));
    writeFileSync(
      logging,
      'rootLogger.level=WARN\nrootLogger.appenderRefs=c\nrootLogger.appenderRef.c.ref=c\nappender.c.type=Console\nappender.c.name=c\n',
    );
    const java = ['-Xmx1g', '-Xms1g', `-Dlog4j2.configurationFile=${logging}`, '-cp', kafkaClassPath()];
    execFileSync('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', config], {
      stdio: 'ignore',
    });
    const child = new Child(
      'kafka',
      'java',
      [...java, 'kafka.Kafka', config],
      path.join(folder, 'kafka.log'),
    );
    await child.serves(HOST, port);
    return {
      host: HOST,
      kafkaPort: port,
      pids: [child.pid],
      connectionPids: [child.pid],
      stop: () => child.stop(),
    };
  },
};
