// A disk that does not say how much is free (N7): nobody waits for it for ever, and the questions do not pile up.

import { drained, VirtualClock } from '@robustmq/testkit';
import { DiskWatermark, type DiskWatermarkOptions } from '../src/disk-watermark.ts';

/** A watermark at 100 bytes with nothing reserved, where nothing else is said. */
function watermarkOf(
  given: Partial<DiskWatermarkOptions> & Pick<DiskWatermarkOptions, 'timers' | 'log' | 'freeBytes'>,
): DiskWatermark {
  return new DiskWatermark({
    path: '/data',
    refuseBelowFreeBytes: 100,
    warnBelowFreeBytes: 100,
    refused: 'appends',
    reservedBytes: () => 0,
    ...given,
  });
}

test('N7, I8: a hanging file system has one question at a time, a look ends by itself, and goes on when it answers', async () => {
  const timers = new VirtualClock();
  const answers: ((freeBytes: number) => void)[] = [];
  const warnings: string[] = [];
  const watermark = watermarkOf({
    timers,
    log: { warn: (_fields, message) => warnings.push(message) },
    freeBytes: () => new Promise((resolve) => answers.push(resolve)),
  });
  const first = watermark.look();
  await timers.advance(60_000);
  await first;
  expect([answers.length, watermark.isFull]).toEqual([1, false]);
  expect(warnings).toEqual(['the file system does not say how much is free']);
  answers[0]!(50);
  await drained();
  expect([watermark.freeBytes, watermark.isFull]).toEqual([50, true]);
  await timers.advance(1_000);
  expect(answers).toHaveLength(2);
  answers[1]!(500);
  await drained();
  expect(watermark.isFull).toBe(false);
  watermark.close();
  await timers.advance(10_000);
  expect(answers).toHaveLength(2);
});

test('a file system that can not be asked once is asked again', async () => {
  const timers = new VirtualClock();
  const answers = [() => Promise.reject(new Error('EIO')), () => Promise.resolve(500)];
  const watermark = watermarkOf({
    timers,
    log: { warn: () => undefined },
    freeBytes: () => answers.shift()!(),
  });
  await watermark.look();
  expect([watermark.freeBytes, watermark.isFull]).toEqual([Number.POSITIVE_INFINITY, false]);
  await watermark.look();
  expect(watermark.freeBytes).toBe(500);
  watermark.close();
});

test('the refuse mark leaves room for what the commit log holds (L6)', async () => {
  let freeBytes = 1000;
  const warnings: string[] = [];
  const watermark = watermarkOf({
    warnBelowFreeBytes: 500,
    reservedBytes: () => 50,
    timers: new VirtualClock(),
    log: { warn: (_fields, message) => warnings.push(message) },
    freeBytes: () => (freeBytes < 0 ? Promise.reject(new Error('gone')) : Promise.resolve(freeBytes)),
  });
  await watermark.look();
  expect([watermark.isFull, warnings]).toEqual([false, []]);
  freeBytes = 400;
  await watermark.look();
  expect([watermark.isFull, warnings]).toEqual([false, ['disk is getting full']]);
  freeBytes = 149;
  await watermark.look();
  expect([watermark.isFull, warnings.at(-1)]).toEqual([true, 'disk nearly full: appends are refused']);
  freeBytes = -1;
  await watermark.look();
  expect(watermark.isFull).toBe(true);
  freeBytes = 1000;
  await watermark.look();
  expect(watermark.isFull).toBe(false);
  watermark.close();
});
