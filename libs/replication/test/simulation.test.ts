// Thousands of courses of events on three replicas: nothing committed is lost or changed (I1, I2), and the planted bugs
// are found.

import { ClusterModel, type Mutant } from './cluster-model.ts';

const STEPS = 400;

function failureOf(seed: number, mutant: Mutant): string | undefined {
  try {
    new ClusterModel(seed, mutant).run(STEPS);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('nothing committed is lost or changed, whoever leads (I1, I2, R1 to R5)', () => {
  let elections = 0;
  let committed = 0;
  for (let seed = 1; seed <= 1500; seed++) {
    const model = new ClusterModel(seed);
    try {
      model.run(STEPS);
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    elections += model.elections;
    committed += model.committed.length;
  }
  // The runs are worth something only if leaders change and records get through.
  expect(elections).toBeGreaterThan(3000);
  expect(committed).toBeGreaterThan(15_000);
});

test.each<Mutant>([
  'report what is not durable',
  'reuse the epoch after a restart',
  'elect outside of the ISR',
])('the simulation finds the planted bug: %s', (mutant) => {
  for (let seed = 1; seed <= 400; seed++) {
    if (failureOf(seed, mutant) !== undefined) return;
  }
  throw new Error('not found');
});
