// Health: what the probes of Kubernetes and the start script ask. Live never looks at others: a process must not be
// restarted because its neighbour is down.

/**
 * What can be wrong, in one vocabulary for all services and the cluster as a whole; docs/en/operations.md says of each what it
 * means and what to do.
 */
export const PROBLEM_NAMES = [
  'startup',
  'drain',
  'lease',
  'cluster',
  'journal',
  'stream',
  'service',
  'leader',
  'ownership',
  'quarantine',
  'disk',
] as const;
/** One of {@link PROBLEM_NAMES}. */
export type ProblemName = (typeof PROBLEM_NAMES)[number];

/** Null when all is well, else the reason in a few words. */
export type ReadinessCheck = () => string | null;

/** State behind /startupz and /readyz. */
export class Health {
  #isStarted = false;
  #isDraining = false;
  readonly #checks = new Map<ProblemName, ReadinessCheck>();

  /** The process has done what it does once: recovery, registration. */
  markStarted(): void {
    this.#isStarted = true;
  }

  /** No new work from now on; the process stays live until its drain is done. */
  markDraining(): void {
    this.#isDraining = true;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Adds a condition of readiness; it is asked at every probe and must be cheap. */
  addCheck(name: ProblemName, check: ReadinessCheck): void {
    this.#checks.set(name, check);
  }

  /** Everything that keeps the process from being ready, by name; empty when it is. */
  problems(): Readonly<Partial<Record<ProblemName, string>>> {
    const problems: Partial<Record<ProblemName, string>> = {};
    if (!this.#isStarted) problems.startup = 'not finished';
    if (this.#isDraining) problems.drain = 'in progress';
    for (const [name, check] of this.#checks) {
      const problem = check();
      if (problem !== null) problems[name] = problem;
    }
    return problems;
  }
}
