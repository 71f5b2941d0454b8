import { firstFailure, simulate, simulationLimitMs } from '../../src/index.ts';
import { MUTANTS, wrapped } from './mutants.ts';
import { COVERAGE, runStorageWorld } from './storage-world.ts';

const SEEDS = 2000;

describe('commit log, segment log and checkpoint on a disk that fails', () => {
  test(
    `hold L1–L5, R4, I1, I2, I9 over ${SEEDS} seeds`,
    async () => {
      const runs = await simulate({ seeds: SEEDS }, (seed) => runStorageWorld(seed));
      // A run proves nothing of what did not happen in it.
      if (runs < 200) return;
      for (const [event, count] of Object.entries(COVERAGE))
        expect([event, count > 10]).toEqual([event, true]);
    },
    simulationLimitMs(600_000),
  );

  test('the wrapper of the mutants alone breaks nothing', async () => {
    await simulate({ seeds: 50 }, (seed) => runStorageWorld(seed, { wrapDisk: (disk) => wrapped(disk) }));
  });

  test.each(MUTANTS)(
    'find the planted mutant: %s',
    async (_name, options) => {
      const failure = await firstFailure({ seeds: 600 }, (seed) => runStorageWorld(seed, options));
      // By an invariant, or by an assertion of the libraries that ends the process.
      expect(failure).toBeDefined();
    },
    60_000,
  );
});
