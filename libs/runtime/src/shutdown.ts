// Shutdown: what a process does between SIGTERM and its end. Steps run one after the other, the one added last first, so
// that everything stops before what it was built upon; each has a deadline, and a step that fails or hangs holds up
// nothing but the exit code.

import { BrokerError } from '@robustmq/errors';
import { withDeadline } from './deadline.ts';
import type { Log } from './log.ts';

/** The part of `process` that is used, so that tests can stand in for it. */
export interface ProcessHandle {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
  exit(code: number): void;
}

/** Settings of a {@link Shutdown}. */
export interface ShutdownOptions {
  readonly log: Pick<Log, 'info' | 'error'>;
  readonly process?: ProcessHandle;
}

interface Step {
  readonly name: string;
  readonly deadlineMs: number;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Shells report a death by signal as 128 + its number; one number serves both signals here. */
const EXIT_FORCED = 130;

/** Ordered, bounded end of a process. */
export class Shutdown {
  readonly #log: Pick<Log, 'info' | 'error'>;
  readonly #process: ProcessHandle;
  readonly #steps: Step[] = [];
  #running: Promise<boolean> | null = null;

  constructor(options: ShutdownOptions) {
    this.#log = options.log;
    this.#process = options.process ?? process;
  }

  /** Whether the end has begun: new work is to be refused. */
  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Adds a step; the last one added runs first. Its signal is aborted at the deadline. */
  add(name: string, deadlineMs: number, run: (signal: AbortSignal) => Promise<void>): void {
    if (this.isRunning) throw new BrokerError('unavailable', `${name} was started while the process ends`);
    this.#steps.push({ name, deadlineMs, run });
  }

  /** Runs all steps once, however often it is called; true when all succeeded in time. */
  run(reason: string): Promise<boolean> {
    this.#running ??= this.#runSteps(reason);
    return this.#running;
  }

  async #runSteps(reason: string): Promise<boolean> {
    this.#log.info({ reason }, 'shutdown started');
    let isClean = true;
    for (const step of this.#steps.toReversed()) {
      try {
        await withDeadline(step.run, step.deadlineMs, `shutdown step ${step.name}`);
      } catch (error) {
        isClean = false;
        this.#log.error({ step: step.name, err: error }, 'shutdown step failed');
      }
    }
    this.#log.info({ clean: isClean }, 'shutdown finished');
    return isClean;
  }

  /** Runs all steps and ends the process: with `code`, or 1 when that is 0 and a step failed. */
  async exit(reason: string, code = 0): Promise<void> {
    const isClean = await this.run(reason);
    this.#process.exit(code === 0 && !isClean ? 1 : code);
  }

  /**
   * Starts the shutdown on SIGTERM and SIGINT; a second signal ends the process at once. The first one after another reason changes
   * nothing: whoever asked for a drain sends it too, as Kubernetes does after a preStop hook. Returns a function that removes the
   * handlers.
   */
  installSignals(): () => void {
    let isSignalled = false;
    const onSignal = (signal: string): void => {
      if (isSignalled) this.#process.exit(EXIT_FORCED);
      else if (!this.isRunning) void this.exit(signal);
      isSignalled = true;
    };
    const installed: [event: string, listener: () => void][] = SIGNALS.map((signal) => [
      signal,
      () => onSignal(signal),
    ]);
    for (const [event, listener] of installed) this.#process.on(event, listener);
    return () => {
      for (const [event, listener] of installed) this.#process.off(event, listener);
    };
  }
}
