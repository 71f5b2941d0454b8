// Mosquitto, in memory, without limits that would make it drop what we would not.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { FreePorts } from '@robustmq/testkit/cluster';

import { Child } from './child.ts';
import type { RunningSystem, System } from './system.ts';

const HOST = '127.0.0.1';

function version(): string {
  // It has no version option: the first line of its help names it, and the exit code is not zero.
  try {
    return execFileSync('mosquitto', ['-h'], { encoding: 'utf8' }).split('\n')[0] ?? '';
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    return output.split('\n')[0] ?? 'mosquitto';
  }
}

/** Mosquitto with persistence off. */
export const mosquitto: System = {
  name: 'mosquitto',
  get description(): string {
    return `${version()}, in memory, unlimited queues`;
  },
  speaks: ['mqtt'],
  async start(scratchDir: string): Promise<RunningSystem> {
    const folder = path.join(scratchDir, 'mosquitto');
    mkdirSync(folder, { recursive: true });
    const port = await new FreePorts(HOST, process.pid + 1).take();
    const config = path.join(folder, 'mosquitto.conf');
    writeFileSync(
      config,
      [
        `listener ${port} ${HOST}`,
        'allow_anonymous true',
        'persistence false',
        'max_inflight_messages 0',
        'max_queued_messages 0',
        'set_tcp_nodelay true',
        'log_type error',
        '',
      ].join('\n'),
    );
    const child = new Child('mosquitto', 'mosquitto', ['-c', config], path.join(folder, 'mosquitto.log'));
    await child.serves(HOST, port);
    return {
      host: HOST,
      mqttPort: port,
      pids: [child.pid],
      connectionPids: [child.pid],
      stop: () => child.stop(),
    };
  },
};
