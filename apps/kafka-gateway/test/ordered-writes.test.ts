import { drained } from '@robustmq/testkit';
import { OrderedWrites } from '../src/groups/ordered-writes.ts';

test('N11: a write begins when the one before it is over, also when that one failed', async () => {
  const writes = new OrderedWrites();
  const log: string[] = [];
  let fail: ((reason: Error) => void) | undefined;
  const first = writes.run(() => {
    log.push('first');
    return new Promise<void>((_resolve, reject) => (fail = reject));
  });
  const second = writes.run(() => {
    log.push('second');
    return Promise.resolve('done');
  });
  await drained();
  expect(log).toEqual(['first']);
  fail?.(new RangeError('lost'));
  await expect(first).rejects.toThrow('lost');
  await expect(second).resolves.toBe('done');
  expect(log).toEqual(['first', 'second']);
});
