// One real process: started, watched, stopped, killed, paused and started again by its exact command.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';

import { answersOk, waitUntil } from './conditions.ts';
import { type ProcessSpec, SERVICE_FACTS } from './service.ts';

const LOG_TAIL_BYTES = 4_096;
const READY_PROBE_TIMEOUT_MS = 1_000;
/**
 * EX_TEMPFAIL: an incarnation that lost its lease ends by itself and asks to be started again, as a supervisor such as
 * Kubernetes would (rule R3: it may lead again only under new epochs).
 */
const RESTART_ME_EXIT_CODE = 75;
const RESTARTS_PER_MINUTE = 5;

/** How a process ended. Exactly one of the two is set. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the cluster and everything a test may do to it. It outlives its runs: `start` may follow any end. */
export class ManagedProcess {
  readonly spec: ProcessSpec;
  #child: ChildProcess | undefined;
  #exit: Promise<ProcessExit> | undefined;
  #lastExit: ProcessExit | undefined;
  #startedAtByte = 0;
  #expectedToEnd = false;
  #ownRestartsMs: number[] = [];
  readonly #onOwnRestart: () => void;

  /** `onOwnRestart` is called after a process that asked for it was started again. */
  constructor(spec: ProcessSpec, onOwnRestart: () => void = () => undefined) {
    this.spec = spec;
    this.#onOwnRestart = onOwnRestart;
  }

  get nodeId(): string {
    return this.spec.nodeId;
  }

  /** The process id of the current run; undefined while it is not running. */
  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#lastExit === undefined;
  }

  /** True when the current run ended without `stop` or `kill` having been called. */
  get diedUnexpectedly(): boolean {
    return this.#lastExit !== undefined && !this.#expectedToEnd;
  }

  /** `host:port` of an endpoint; an unknown name is the caller's mistake. */
  address(endpoint: string): string {
    const address = this.spec.addresses[endpoint];
    if (address === undefined)
      throw new BrokerError('not_found', `${this.nodeId} has no endpoint ${endpoint}`);
    return address;
  }

  /** The port of an endpoint. */
  port(endpoint: string): number {
    return Number(this.address(endpoint).split(':').at(-1));
  }

  /** Starts a new run. Output is appended to the log file. Does not wait until it is ready. */
  start(): void {
    if (this.running) throw new BrokerError('conflict', `${this.nodeId} runs already`);
    mkdirSync(this.spec.dataDir, { recursive: true });
    mkdirSync(path.dirname(this.spec.logFile), { recursive: true });
    this.#lastExit = undefined;
    this.#expectedToEnd = false;
    this.#exit = new Promise((resolve) => {
      this.#spawn(resolve);
    });
  }

  #spawn(resolve: (exit: ProcessExit) => void): void {
    const log = openSync(this.spec.logFile, 'a');
    this.#startedAtByte = fstatSync(log).size;
    const [program, ...args] = this.spec.argv;
    // Its own process group: a terminal's Ctrl-C must reach the launcher only, which drains in order.
    const child = spawn(program ?? '', args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.spec.env },
    });
    closeSync(log);
    this.#child = child;
    const ended = (exit: ProcessExit): void => {
      if (this.#mayRestart(exit)) {
        this.#spawn(resolve);
        this.#onOwnRestart();
        return;
      }
      this.#lastExit ??= exit;
      resolve(this.#lastExit);
    };
    child.once('exit', (code, signal) => {
      ended({ code, signal });
    });
    child.once('error', () => {
      ended({ code: 127, signal: null });
    });
  }

  #mayRestart({ code }: ProcessExit): boolean {
    if (code !== RESTART_ME_EXIT_CODE || this.#expectedToEnd) return false;
    const nowMs = performance.now();
    this.#ownRestartsMs = this.#ownRestartsMs.filter((ms) => nowMs - ms < 60_000);
    this.#ownRestartsMs.push(nowMs);
    return this.#ownRestartsMs.length <= RESTARTS_PER_MINUTE;
  }

  /** Resolves when the current run has ended for good: not when it asked to be started again. */
  exited(): Promise<ProcessExit> {
    if (this.#exit === undefined) throw new BrokerError('conflict', `${this.nodeId} was never started`);
    return this.#exit;
  }

  /** Resolves once `/readyz` answers 2xx; fails at once, with the log's tail, when the process ends before. */
  async ready(timeoutMs: number): Promise<void> {
    const url = `http://${this.address(SERVICE_FACTS[this.spec.service].healthEndpoint)}/readyz`;
    await waitUntil(`${this.nodeId} ready at ${url}`, timeoutMs, async () => {
      if (!this.running) throw new BrokerError('unavailable', this.#describeEnd());
      return answersOk(url, READY_PROBE_TIMEOUT_MS);
    });
  }

  /** SIGTERM, and SIGKILL when it has not ended after `timeoutMs`. Resolves with how it ended. */
  async stop(timeoutMs: number): Promise<ProcessExit | undefined> {
    if (!this.running) return this.#lastExit;
    this.#expectedToEnd = true;
    this.#signal('SIGCONT');
    this.#signal('SIGTERM');
    const timer = setTimeout(() => {
      this.#signal('SIGKILL');
    }, timeoutMs);
    const exit = await this.exited();
    clearTimeout(timer);
    return exit;
  }

  /** SIGKILL: no handler of the process runs. Resolves once the kernel has reaped it. */
  async kill(): Promise<void> {
    if (!this.running) return;
    this.#expectedToEnd = true;
    this.#signal('SIGKILL');
    await this.exited();
  }

  /** SIGSTOP: the process keeps its sockets and memory but runs no instruction until `resume`. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  /** The end of what the current run wrote to its log. */
  logTail(): string {
    const log = openSync(this.spec.logFile, 'r');
    try {
      const size = fstatSync(log).size;
      const from = Math.max(this.#startedAtByte, size - LOG_TAIL_BYTES);
      const tail = Buffer.alloc(Math.max(0, size - from));
      readSync(log, tail, 0, tail.length, from);
      return tail.toString('utf8').trimEnd();
    } finally {
      closeSync(log);
    }
  }

  /** One paragraph for a person: how the run ended, and its last lines. */
  #describeEnd(): string {
    const exit = this.#lastExit;
    const how = exit?.signal ? `by signal ${exit.signal}` : `with exit code ${exit?.code ?? 'unknown'}`;
    return `${this.nodeId} ended ${how}; the end of ${this.spec.logFile}:\n${this.logTail()}`;
  }

  /** As {@link logTail}, with how the process ended; for reports. */
  endReport(): string {
    return this.#describeEnd();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child?.kill(signal);
  }
}
