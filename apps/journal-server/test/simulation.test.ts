// The write path on a disk that keeps its promises and no more: crashes and power cuts at any instant (I1, I2, I9), and
// the planted bugs that this must find.

import { firstFailingSeed, simulate } from '@robustmq/testkit';
import { SimulatedJournal, type JournalMutant } from './simulated-journal.ts';

const STEPS = 120;

test('nothing acknowledged is lost, nothing seen changes, no healthy shard is quarantined (I1, I2, I9)', async () => {
  let acknowledged = 0;
  let crashes = 0;
  await simulate({ seeds: 250 }, async (seed) => {
    const world = new SimulatedJournal(seed);
    await world.run(STEPS);
    acknowledged += world.acknowledged;
    crashes += world.crashes;
  });
  expect(crashes).toBeGreaterThan(500);
  expect(acknowledged).toBeGreaterThan(10_000);
}, 60_000);

test.each<JournalMutant>([
  'no fdatasync',
  'acknowledge before fdatasync',
  'deliver above HW',
  'epoch reused after a restart',
])('finds the planted bug: %s', async (mutant) => {
  const seed = await firstFailingSeed({ seeds: 200 }, (each) =>
    new SimulatedJournal(each, mutant).run(STEPS),
  );
  expect(seed).toBeDefined();
});
