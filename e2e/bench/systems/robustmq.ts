// This project: all five processes, durable as shipped.
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';
import { buildStaleApps, Cluster, ONE_OF_EACH, type PlanOptions } from '@robustmq/testkit/cluster';

import type { RunningSystem, System } from './system.ts';

const READY_TIMEOUT_MS = 30_000;
const HOST = '127.0.0.1';

/** Our processes with these extra flags for node (`--cpu-prof`), per service. */
export function robustmq(nodeFlags: PlanOptions['nodeFlags'] = {}): System {
  return {
    name: 'robustmq',
    description: 'five processes on loopback, fdatasync before every acknowledgement',
    speaks: ['mqtt', 'kafka'],
    async start(scratchDir: string): Promise<RunningSystem> {
      await buildStaleApps(() => undefined);
      const cluster = await Cluster.start(
        {
          dataDir: path.join(scratchDir, 'robustmq'),
          counts: ONE_OF_EACH,
          ports: { kind: 'free' },
          extraFlags: {
            'meta-service': ['--streams.default.mqtt.filter=none'],
            'mqtt-gateway': ['--auth.anonymous=true'],
            // As the peer is set: a measurement of reading, not of a wait for members who never come.
            'kafka-gateway': ['--groups.initialRebalanceDelay=0'],
          },
          nodeFlags,
        },
        READY_TIMEOUT_MS,
      );
      const pidOf = (pid: number | undefined): number => {
        if (pid === undefined) throw new BrokerError('unavailable', 'a process ended during the benchmark');
        return pid;
      };
      return {
        host: HOST,
        mqttPort: cluster.first('mqtt-gateway').port('mqtt'),
        kafkaPort: cluster.first('kafka-gateway').port('kafka'),
        pids: cluster.processes.map((each) => pidOf(each.pid)),
        connectionPids: cluster.of('mqtt-gateway').map((each) => pidOf(each.pid)),
        stop: () => cluster.stop(),
      };
    },
  };
}
