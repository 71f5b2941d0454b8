// The whole system from seeds: nothing acknowledged is lost, nobody is skipped or served twice, nothing deleted comes back,
// whoever crashes, stands still or is cut off. SIMULATION_TRACE names a file that gets what happened in a run that failed.

import { firstFailure, simulate, simulationLimitMs } from '@robustmq/testkit';
import { PLANTED } from './planted-bugs.ts';
import { COVERAGE, WholeWorld } from './whole-world.ts';

const SEEDS = 300;
/** Within so many worlds each planted bug is found. */
const BUG_SEEDS = 100;
const LIMIT_MS = 900_000;

async function run(seed: number): Promise<WholeWorld> {
  const world = new WholeWorld(seed);
  await world.run();
  return world;
}

test('the same seed is the same world', async () => {
  const [first, second, other] = [await run(1), await run(1), await run(2)];
  expect(second.traceHash).toBe(first.traceHash);
  expect(other.traceHash).not.toBe(first.traceHash);
}, 60_000);

test(
  'the whole system keeps its promises in every world (I1 to I5, S1, S3, N2, N4)',
  async () => {
    let acknowledgements = 0;
    const runs = await simulate({ seeds: SEEDS }, async (seed) => {
      acknowledgements += (await run(seed)).ledger.acknowledgements;
    });
    if (runs < SEEDS) return;
    for (const [event, count] of Object.entries(COVERAGE)) expect([event, count > 10]).toEqual([event, true]);
    expect(acknowledgements).toBeGreaterThan(20 * runs);
  },
  simulationLimitMs(LIMIT_MS),
);

test.each(Object.entries(PLANTED))(
  'is found: %s',
  async (_name, plant) => {
    const takeOut = plant();
    try {
      const found = await firstFailure({ seeds: BUG_SEEDS }, async (seed) => void (await run(seed)));
      expect(found?.message).toBeDefined();
    } finally {
      takeOut();
    }
  },
  LIMIT_MS,
);
