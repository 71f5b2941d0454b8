// Thousands of courses of events on three replicas: nothing committed is lost or changed (I1, I2), and the planted bugs
// are found.

import { firstFailingSeed, InvariantViolation, simulate } from '@robustmq/testkit';

import { ClusterModel, type Mutant } from './cluster-model.ts';

const STEPS = 400;
const SEEDS = 1500;

/** Assertions of the cores end the process: in a run they count as a failure like a broken invariant. */
function run(seed: number, mutant: Mutant = 'none'): ClusterModel {
  const model = new ClusterModel(seed, mutant);
  try {
    model.run(STEPS);
  } catch (error) {
    if (error instanceof InvariantViolation) throw error;
    throw new InvariantViolation(String(error), { cause: error });
  }
  return model;
}

test('nothing committed is lost or changed, whoever leads (I1, I2, R1 to R5)', async () => {
  let elections = 0;
  let committed = 0;
  const runs = await simulate({ seeds: SEEDS }, (seed) => {
    const model = run(seed);
    elections += model.elections;
    committed += model.committed.length;
    return Promise.resolve();
  });
  // The runs are worth something only if leaders change and records get through.
  expect(elections).toBeGreaterThan(runs);
  expect(committed).toBeGreaterThan(5 * runs);
}, 120_000);

test.each<Mutant>([
  'report what is not durable',
  'reuse the epoch after a restart',
  'elect outside of the ISR',
])('the simulation finds the planted bug: %s', async (mutant) => {
  expect(
    await firstFailingSeed({ seeds: 400 }, (seed) => {
      run(seed, mutant);
      return Promise.resolve();
    }),
  ).toBeDefined();
});
