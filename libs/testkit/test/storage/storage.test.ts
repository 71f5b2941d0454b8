import { simulate } from '../../src/index.ts';
import { COVERAGE, runStorageWorld } from './storage-world.ts';

const SEEDS = Number(process.env.SEEDS ?? 300);

test(`commit log and segment log over ${SEEDS} seeds (L1, L2, L3, L4, L5, R4, I1, I9)`, async () => {
  await simulate({ seeds: SEEDS }, (seed) => runStorageWorld(seed));
  console.log(COVERAGE);
}, 600_000);
