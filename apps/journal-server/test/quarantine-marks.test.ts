// Marks of quarantined shards under power cuts (L2): damage that was seen stays seen.

import { Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { QuarantineMarks } from '../src/directory/quarantine.ts';

test('a mark is durable when it is set: no power cut forgets it (L2)', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const clock = new VirtualClock();
    const disk = new SimulatedDisk(clock, new Random(seed));
    const marks = await clock.settle(QuarantineMarks.open(disk, 'volume/data'));
    await clock.settle(disk.syncDirectory('volume'));
    await clock.settle(marks.add(1, 0, 'one flipped bit'));
    expect(marks.isDurable(1, 0)).toBe(true);
    disk.cutPower({ sector: 0, size: 0 });
    const again = await clock.settle(QuarantineMarks.open(disk, 'volume/data'));
    expect(again.reasonOf(1, 0)).toBe('one flipped bit');
  }
});
