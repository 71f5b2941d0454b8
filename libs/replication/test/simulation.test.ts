// Three replicas and a controller in a simulated world: nothing committed is lost or changed (I1, I2), and the planted bugs
// are found.

import { firstFailingSeed, InvariantViolation, simulate, simulationLimitMs } from '@robustmq/testkit';

import type { Mutant } from './simulation/frames.ts';
import { COVERAGE, ReplicatedShard } from './simulation/replicated-shard.ts';

const STEPS = 80;
const SEEDS = 5_000;

/** Assertions of the cores end the process: in a run they count as a failure like a broken invariant. */
async function run(seed: number, mutant: Mutant = 'none'): Promise<void> {
  try {
    await new ReplicatedShard(seed, mutant).run(STEPS);
  } catch (error) {
    if (error instanceof InvariantViolation) throw error;
    throw new InvariantViolation(String(error), { cause: error });
  }
}

test(
  'nothing committed is lost or changed, whoever leads (I1, I2, R1 to R5)',
  async () => {
    const runs = await simulate({ seeds: SEEDS }, (seed) => run(seed));
    if (runs < 200) return;
    // The runs are worth something only if these happen, leaders change and records get through.
    for (const [event, count] of Object.entries(COVERAGE)) expect([event, count > 10]).toEqual([event, true]);
    expect(COVERAGE.elections).toBeGreaterThan(runs);
    expect(COVERAGE.committed).toBeGreaterThan(20 * runs);
  },
  simulationLimitMs(600_000),
);

test.each<Mutant>([
  'report what is not durable',
  'reuse the epoch after a restart',
  'elect outside of the ISR',
  'an empty disk stays in the ISR',
  'a log is not compared before it is continued',
])(
  'the simulation finds the planted bug: %s',
  async (mutant) => {
    expect(await firstFailingSeed({ seeds: 400 }, (seed) => run(seed, mutant))).toBeDefined();
  },
  120_000,
);
