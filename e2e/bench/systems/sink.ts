// The sink as a system: shows where the load generator itself ends.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { FreePorts } from '@robustmq/testkit/cluster';

import { Child } from './child.ts';
import type { RunningSystem, System } from './system.ts';

const HOST = '127.0.0.1';

/** Forwards bytes and acknowledges; no broker. */
export const sink: System = {
  name: 'sink',
  description: 'the ceiling of the load generator: forwards bytes, is no broker',
  speaks: ['mqtt'],
  async start(scratchDir: string): Promise<RunningSystem> {
    const folder = path.join(scratchDir, 'sink');
    mkdirSync(folder, { recursive: true });
    const port = await new FreePorts(HOST, process.pid + 2).take();
    const script = fileURLToPath(new URL('./sink-main.ts', import.meta.url));
    const child = new Child('sink', process.execPath, [script, String(port)], path.join(folder, 'sink.log'));
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
