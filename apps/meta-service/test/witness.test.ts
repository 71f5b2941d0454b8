// The periodic work leaves a witness for the last commands of an idle log (rule L2).
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { TestMeta } from './support/test-meta.ts';

const BLOCK_BYTES = 4096;

/** Frames in the files of a log. */
function framesIn(directory: string): number {
  let frames = 0;
  for (const name of readdirSync(directory).filter((each) => each.endsWith('.commit'))) {
    const bytes = readFileSync(path.join(directory, name));
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES)
      if (bytes.toString('latin1', at, at + 4) === 'RMCL') frames++;
  }
  return frames;
}

test('one more frame a second after the last command, then none', async () => {
  const world = await TestMeta.open();
  await world.createStream('orders').catch(() => undefined);
  const before = framesIn(world.directory);
  world.meta.start();
  const end = Date.now() + 10_000;
  while (framesIn(world.directory) === before && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(framesIn(world.directory)).toBe(before + 1);
  await world.remove();
});
