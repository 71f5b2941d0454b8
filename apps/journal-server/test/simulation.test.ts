// The write path on a disk that keeps its promises and no more: crashes and power cuts at any instant (I1, I2, I9), and
// the planted bugs that this must find.

import { firstFailingSeed, simulate, simulationLimitMs } from '@robustmq/testkit';
import type { JournalMutant } from './journal-mutants.ts';
import { COVERAGE, SimulatedJournal } from './simulated-journal.ts';

const STEPS = 120;

test(
  'nothing acknowledged is lost, nothing seen changes, no healthy shard is quarantined (I1, I2, I9)',
  async () => {
    let acknowledged = 0;
    const runs = await simulate({ seeds: 400 }, async (seed) => {
      const world = new SimulatedJournal(seed);
      await world.run(STEPS);
      acknowledged += world.acknowledged;
      COVERAGE.damagedStreams += world.damagedStreams;
    });
    if (runs < 200) return;
    for (const [event, count] of Object.entries(COVERAGE)) expect([event, count > 10]).toEqual([event, true]);
    expect(acknowledged).toBeGreaterThan(20 * runs);
  },
  simulationLimitMs(600_000),
);

test.each<JournalMutant>([
  'no fdatasync',
  'acknowledge before fdatasync',
  'deliver above HW',
  'epoch reused after a restart',
  'refused ticks stay in the producer table',
])('finds the planted bug: %s', async (mutant) => {
  const seed = await firstFailingSeed({ seeds: 200 }, (each) =>
    new SimulatedJournal(each, mutant).run(STEPS),
  );
  expect(seed).toBeDefined();
});
