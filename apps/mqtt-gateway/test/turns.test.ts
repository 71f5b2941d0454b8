// N8: what concerns every session of a gateway is done in turns, at a hundred thousand of them.

import { VirtualClock } from '@robustmq/testkit';
import type { Clock } from '@robustmq/runtime';
import { FilterRegistry } from '../src/delivery/filter-registry.ts';
import { CursorCommits } from '../src/session/cursor-commits.ts';
import type { Client } from '../src/session/client.ts';
import { SessionDirectory } from '../src/session/session-directory.ts';

const SESSIONS = 100_000;
/** What a look at a session costs on the clock of these tests. */
const LOOK_MS = 0.001;
const SLICE_MS = 5;

/** A clock that moves with the work alone. */
class WorkClock implements Pick<Clock, 'monotonicMs'> {
  looks = 0;
  monotonicMs = (): number => this.looks * LOOK_MS;
}

/** The longest turn, in looks, until nothing waits. */
async function longestTurn(timers: VirtualClock, clock: WorkClock, begin: () => void): Promise<number> {
  let longest = 0;
  for (let act: () => void | Promise<boolean> = begin; ; act = () => timers.step()) {
    const before = clock.looks;
    await act();
    longest = Math.max(longest, clock.looks - before);
    if (timers.pending === 0) return longest;
  }
}

test('N8: cursors of all sessions are looked at in turns', async () => {
  const clock = new WorkClock();
  const timers = new VirtualClock();
  const directory = new SessionDirectory();
  for (let index = 0; index < SESSIONS; index++) {
    const session = {
      get isDurable() {
        clock.looks++;
        return false;
      },
    };
    directory.replace('t', `c${index}`, { session } as unknown as Client);
  }
  const commits = new CursorCommits({ clock, timers, directory, store: {} as never }, 1_000);
  commits.stop();
  const longest = await longestTurn(timers, clock, () => {
    commits.commit();
    // A second round does not begin while the first goes on.
    commits.commit();
  });
  expect(clock.looks).toBe(SESSIONS);
  expect(longest * LOOK_MS).toBeLessThanOrEqual(SLICE_MS);
});

test('N8: deadlines of all subscriptions are looked at in turns, and of those alone that wait', async () => {
  const clock = new WorkClock();
  const timers = new VirtualClock();
  const registry = new FilterRegistry({ changeFilters: () => undefined }, 1, () => undefined, timers, clock);
  const late = jest.fn();
  for (let index = 0; index < SESSIONS; index++) {
    registry.add('t', `f/${index}`, (error) => {
      clock.looks++;
      late(error?.code);
    });
  }
  await timers.advance(0);
  const longest = await longestTurn(timers, clock, () => registry.expire(10));
  expect(late).toHaveBeenCalledTimes(SESSIONS);
  expect(longest * LOOK_MS).toBeLessThanOrEqual(SLICE_MS);
  registry.expire(20);
  expect(late).toHaveBeenCalledTimes(SESSIONS);
});
