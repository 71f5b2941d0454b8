// Runs a simulation over many seeds and says which one failed, so that it can be run again alone.
import { appendFileSync } from 'node:fs';

/** A property that a simulated run broke. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** States what must hold in a simulated run; name the rule or invariant (I1, L2) in the message. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** Which seeds to run. */
export interface SimulationOptions {
  readonly seeds: number;
  /** Default 1. */
  readonly firstSeed?: number;
}

/**
 * How many seeds to run where `npm test` runs `seeds`: the variable `SIMULATION_SEEDS` says how many instead,
 * `SIMULATION_SCALE` how many times as many.
 */
export function seedCount(seeds: number): number {
  const scale = Number(process.env['SIMULATION_SCALE'] ?? 1);
  return Number(process.env['SIMULATION_SEEDS'] ?? Math.ceil(seeds * scale));
}

/**
 * Deadline of a test of so many seeds as `npm test` runs in `limitMs` at the latest: a nightly run has as many times more.
 * Only what hangs reaches it.
 */
export function simulationLimitMs(limitMs: number): number {
  return limitMs * Math.max(1, Number(process.env['SIMULATION_SCALE'] ?? 1));
}

/** Notes in the file that the variable `FAULT_COUNTS` names how many seeds or rounds were run, for the nightly summary. */
export function noteCount(count: number): void {
  const file = process.env['FAULT_COUNTS'];
  if (file !== undefined) appendFileSync(file, `${count}\n`);
}

/**
 * Runs one world per seed, one after the other; answers how many ({@link seedCount}). The first failure is thrown with
 * its seed in the message; the variable `SIMULATION_SEED` runs that seed alone.
 */
export async function simulate(
  options: SimulationOptions,
  run: (seed: number) => Promise<void>,
): Promise<number> {
  const only = process.env['SIMULATION_SEED'];
  const first = only === undefined ? (options.firstSeed ?? 1) : Number(only);
  const seeds = seedCount(options.seeds);
  const last = only === undefined ? first + seeds - 1 : first;
  for (let seed = first; seed <= last; seed++) {
    try {
      await run(seed);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new InvariantViolation(`seed ${seed}: ${reason} (run again with SIMULATION_SEED=${seed})`, {
        cause: error,
      });
    }
  }
  noteCount(last - first + 1);
  return last - first + 1;
}

/** A seed whose run broke an invariant. */
export interface FailingSeed {
  readonly seed: number;
  readonly message: string;
}

/** The first seed whose run breaks an invariant, or undefined: shows that the simulation catches a planted mutant. */
export async function firstFailure(
  options: SimulationOptions,
  run: (seed: number) => Promise<void>,
): Promise<FailingSeed | undefined> {
  const first = options.firstSeed ?? 1;
  for (let seed = first; seed < first + options.seeds; seed++) {
    try {
      await run(seed);
    } catch (error) {
      if (error instanceof InvariantViolation) return { seed, message: error.message };
      throw error;
    }
  }
  return undefined;
}

/** As {@link firstFailure}, the seed alone. */
export async function firstFailingSeed(
  options: SimulationOptions,
  run: (seed: number) => Promise<void>,
): Promise<number | undefined> {
  return (await firstFailure(options, run))?.seed;
}
