// Another checkout of this project, as it was at some commit: it starts its own processes in its own way, and this
// checkout's load measures them. So two commits are compared in one sitting.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { BrokerError } from '@robustmq/errors';

import type { RunningSystem, System } from './system.ts';

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;

/** Runs there: starts what that checkout calls itself, says where it serves, stops it when its input ends. */
const SCRIPT = `
  import { robustmq } from './e2e/bench/systems/robustmq.ts';
  const running = await robustmq().start(process.argv[1]);
  process.stdout.write(JSON.stringify({ ...running, stop: undefined }) + '\\n');
  for await (const _ of process.stdin);
  await running.stop();
`;

/** The checkout in `folder`, installed and of a version that has this benchmark, under the name `before`. */
export function otherCheckout(folder: string): System {
  const root = path.resolve(folder);
  return {
    name: 'before',
    description: 'the same five processes of an earlier commit',
    speaks: ['mqtt', 'kafka'],
    async start(scratchDir: string): Promise<RunningSystem> {
      const own = path.join(root, 'node_modules', 'node', 'bin');
      const child = spawn(
        path.join(own, 'node'),
        ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', SCRIPT, scratchDir],
        {
          cwd: root,
          stdio: ['pipe', 'pipe', 'inherit'],
          env: { ...process.env, PATH: `${own}${path.delimiter}${process.env['PATH'] ?? ''}` },
        },
      );
      const said = await firstLine(child);
      return { ...(JSON.parse(said) as Omit<RunningSystem, 'stop'>), stop: () => stop(child) };
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  const output = child.stdout;
  if (output === null) throw new BrokerError('internal', 'the other checkout has no output');
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  try {
    for await (const line of createInterface({ input: output })) if (line.startsWith('{')) return line;
  } finally {
    clearTimeout(timer);
  }
  throw new BrokerError('unavailable', 'the other checkout did not start');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
