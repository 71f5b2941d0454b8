// The twin files of libs/commit-log under power cuts: old facts or new ones, never none and never a mixture.

import { twinFile } from '@robustmq/commit-log';
import { Random, SimulatedDisk, VirtualClock } from '../../src/index.ts';

test('a power cut at any instant leaves the old facts or the new ones, or nothing before the first (L3)', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const clock = new VirtualClock();
    const simulated = new SimulatedDisk(clock, random);
    simulated.makeDirectory('volume/data');
    const isRewrite = random.chance(0.5);
    if (isRewrite) await clock.settle(twinFile.write(simulated, 'volume/data/facts.json', { generation: 1 }));
    let isDone = false;
    void twinFile.write(simulated, 'volume/data/facts.json', { generation: 2 }).then(() => (isDone = true));
    await clock.advance(random.between(0, 25));
    simulated.cutPower({ sector: 0.5, size: 0.5 });
    const found = twinFile.read(simulated, 'volume/data/facts.json')?.facts;
    const allowed = isDone
      ? [{ generation: 2 }]
      : [isRewrite ? { generation: 1 } : undefined, { generation: 2 }];
    expect(allowed).toContainEqual(found);
  }
});
