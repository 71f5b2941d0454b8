// One real process: started, watched, stopped, killed, paused and started again by its exact command.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';

import { answersOk, waitUntil } from './conditions.ts';
import { makePrivateFolder } from './data-folder.ts';
import { LogFile } from './log-file.ts';
import { type ProcessSpec, SERVICE_FACTS } from './service.ts';

const LOG_TAIL_BYTES = 4_096;
/** How often the size of a log is looked at. */
const LOG_CHECK_MS = 5_000;
const READY_PROBE_TIMEOUT_MS = 1_000;
/** EX_TEMPFAIL: a process whose disk failed ends by itself and asks to be started again (rules L5, R3). */
const RESTART_ME_EXIT_CODE = 75;
/** A run that ended sooner counts as a failed start. */
const SHORT_RUN_MS = 10_000;
/** After so many failed starts in a row the process is left as it is. */
const MAX_SHORT_RUNS = 5;
const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 2_000;

/** Which ends are followed by another run: only one that asked for it, or, once it was ready, any that nobody ordered. */
export type RestartPolicy = 'on-request' | 'always';

/** Settings of a {@link ManagedProcess}. */
export interface ManagedProcessOptions {
  /** Default `on-request`. */
  readonly restart?: RestartPolicy;
  /** Called after it was started again by itself. */
  readonly onRestart?: () => void;
}

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
  readonly #log: LogFile;
  #startedAtByte = 0;
  #expectedToEnd = false;
  #startedAtMs = 0;
  #shortRuns = 0;
  #wasReady = false;
  /** Ends the wait for the next run. */
  #abandonRestart: (() => void) | undefined;
  readonly #options: ManagedProcessOptions;

  constructor(spec: ProcessSpec, options: ManagedProcessOptions = {}) {
    this.spec = spec;
    this.#log = new LogFile(spec.logFile);
    this.#options = options;
  }

  get nodeId(): string {
    return this.spec.nodeId;
  }

  /** The process id of the current run; undefined while it is not running. */
  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#lastExit === undefined && this.#abandonRestart === undefined;
  }

  /** How the last run ended; undefined while one runs or is about to. */
  get lastExit(): ProcessExit | undefined {
    return this.#lastExit;
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
    this.#abandonRestart?.();
    makePrivateFolder(this.spec.dataDir);
    makePrivateFolder(path.dirname(this.spec.logFile));
    this.#lastExit = undefined;
    this.#expectedToEnd = false;
    this.#exit = new Promise((resolve) => {
      this.#spawn(resolve);
    });
  }

  #spawn(resolve: (exit: ProcessExit) => void): void {
    this.#log.rotateWhenLarge();
    const log = this.#log.open();
    this.#startedAtByte = fstatSync(log).size;
    const [program, ...args] = this.spec.argv;
    // Its own process group: a terminal's Ctrl-C must reach the launcher only, which drains in order. The channel carries
    // nothing: its end tells the child that the launcher was killed.
    const child = spawn(program ?? '', args, {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...process.env, ...this.spec.env },
    });
    closeSync(log);
    child.channel?.unref();
    this.#child = child;
    this.#startedAtMs = performance.now();
    const logCheck = setInterval(() => {
      if (this.#log.rotateWhenLarge()) this.#startedAtByte = 0;
    }, LOG_CHECK_MS).unref();
    const ended = (exit: ProcessExit): void => {
      clearInterval(logCheck);
      if (child !== this.#child) return;
      if (this.#mayRestart(exit)) this.#restartLater(exit, resolve);
      else this.#ended(exit, resolve);
    };
    child.once('exit', (code, signal) => {
      ended({ code, signal });
    });
    child.once('error', () => {
      ended({ code: 127, signal: null });
    });
  }

  #ended(exit: ProcessExit, resolve: (exit: ProcessExit) => void): void {
    this.#lastExit ??= exit;
    resolve(this.#lastExit);
  }

  #mayRestart({ code }: ProcessExit): boolean {
    const isWanted = (this.#options.restart === 'always' && this.#wasReady) || code === RESTART_ME_EXIT_CODE;
    if (!isWanted || this.#expectedToEnd) return false;
    this.#shortRuns = performance.now() - this.#startedAtMs < SHORT_RUN_MS ? this.#shortRuns + 1 : 0;
    return this.#shortRuns <= MAX_SHORT_RUNS;
  }

  #restartLater(exit: ProcessExit, resolve: (exit: ProcessExit) => void): void {
    const delayMs = Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** this.#shortRuns);
    const timer = setTimeout(() => {
      this.#abandonRestart = undefined;
      this.#spawn(resolve);
      this.#options.onRestart?.();
    }, delayMs);
    this.#abandonRestart = () => {
      clearTimeout(timer);
      this.#abandonRestart = undefined;
      this.#ended(exit, resolve);
    };
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
      if (this.#lastExit !== undefined) throw new BrokerError('unavailable', this.#describeEnd());
      return answersOk(url, READY_PROBE_TIMEOUT_MS);
    });
    this.#wasReady = true;
  }

  /** SIGTERM, and SIGKILL when it has not ended after `timeoutMs`. Resolves with how it ended. */
  async stop(timeoutMs: number): Promise<ProcessExit | undefined> {
    this.#abandonRestart?.();
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
    this.#abandonRestart?.();
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
