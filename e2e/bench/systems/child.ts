// A child process of the benchmark that must serve before it is used and be gone afterwards.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createConnection } from 'node:net';

import { BrokerError } from '@robustmq/errors';
import { waitUntil } from '@robustmq/testkit/cluster';

const SERVE_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/** A started child and its log file. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    logFile: string,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.#name = name;
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const log = createWriteStream(logFile, { flags: 'a' });
    this.#process.stdout?.pipe(log, { end: false });
    this.#process.stderr?.pipe(log, { end: false });
  }

  get pid(): number {
    if (this.#process.pid === undefined)
      throw new BrokerError('unavailable', `${this.#name} could not be started`);
    return this.#process.pid;
  }

  /** Resolves when a TCP connection to the port succeeds. */
  async serves(host: string, port: number): Promise<void> {
    await waitUntil(`${this.#name} serves on port ${port}`, SERVE_TIMEOUT_MS, () => {
      if (this.#process.exitCode !== null) {
        throw new BrokerError('unavailable', `${this.#name} ended with exit code ${this.#process.exitCode}`);
      }
      return canConnect(host, port);
    });
  }

  /** SIGTERM, then SIGKILL. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const done = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', done(true));
    socket.once('error', done(false));
  });
}
