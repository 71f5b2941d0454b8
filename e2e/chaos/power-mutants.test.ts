// The judge of the power cut is judged: a journal that does not sync, or answers before it has, must be found out by the
// very checks that the real one passes (L1).
import path from 'node:path';

import { PowerWorld } from './power-world.ts';

const ROUNDS = 3;

test.each([
  ['no fdatasync', 'no-fdatasync.cjs'],
  ['acknowledge before fdatasync', 'early-fdatasync.cjs'],
])(
  'the power cut finds the planted bug: %s',
  async (_name, preload) => {
    const world = await PowerWorld.start({
      nodeFlags: { 'journal-server': [`--require=${path.join(__dirname, preload)}`] },
    });
    try {
      const found: string[] = [];
      for (let round = 0; round < ROUNDS && found.length === 0; round += 1)
        found.push(...(await world.cut()).found);
      // Lost, or claimed to be durable and taken for damaged: one shard, or the files of the whole journal.
      expect(found.join('; ')).toMatch(/acknowledged lost|refuses to serve|refuses to start/);
    } finally {
      await world.remove();
    }
  },
  2 * 60_000,
);
