// The hold of what comes behind a SUBSCRIBE: one release each, whichever comes first, the answer or the deadline (N7).

import type { Timers } from '@robustmq/runtime';
import { HOLD_REQUEST } from '../src/session/read-holds.ts';
import { RequestHold } from '../src/session/request-hold.ts';

/** Timers whose order is the test's: a loop that is late has deadlines due before what was to be soon. */
class DueTimers implements Timers {
  readonly due: { readonly kind: 'after' | 'soon'; readonly action: () => void }[] = [];

  #add(kind: 'after' | 'soon', action: () => void): () => void {
    const entry = { kind, action };
    this.due.push(entry);
    return () => {
      const at = this.due.indexOf(entry);
      if (at >= 0) this.due.splice(at, 1);
    };
  }

  after(_delayMs: number, action: () => void): () => void {
    return this.#add('after', action);
  }

  soon(action: () => void): () => void {
    return this.#add('soon', action);
  }

  every(): () => void {
    throw new Error('nothing is repeated');
  }

  fire(kind: 'after' | 'soon'): boolean {
    const at = this.due.findIndex((entry) => entry.kind === kind);
    if (at < 0) return false;
    this.due.splice(at, 1)[0]!.action();
    return true;
  }
}

let timers: DueTimers;
let events: string[];
let hold: RequestHold;

beforeEach(() => {
  timers = new DueTimers();
  events = [];
  const note = (what: string) => (reason: number) => {
    expect(reason).toBe(HOLD_REQUEST);
    events.push(what);
  };
  hold = new RequestHold({ hold: note('hold'), release: note('release') }, timers);
});

test('N7: a request that is served releases once, also when its deadline is due in the same turn', () => {
  hold.begin(() => undefined);
  hold.served();
  timers.fire('after');
  timers.fire('soon');
  expect(events).toEqual(['hold', 'release']);
  expect(timers.due).toEqual([]);
});

test('N7: what one request left behind does not release the next', () => {
  hold.begin(() => undefined);
  hold.served();
  timers.fire('after');
  timers.fire('soon');
  hold.begin(() => undefined);
  timers.fire('soon');
  expect(events).toEqual(['hold', 'release', 'hold']);
  expect(hold.isServing).toBe(true);
  hold.served();
  timers.fire('soon');
  expect(events).toEqual(['hold', 'release', 'hold', 'release']);
});

test('N7: the deadline releases what is not served, and the answer behind it nothing', () => {
  hold.begin(() => undefined);
  expect(timers.fire('after')).toBe(true);
  hold.served();
  expect(events).toEqual(['hold', 'release']);
  expect(timers.due).toEqual([]);
});

test('a request that is served at once holds nothing; of several the last one releases', () => {
  hold.begin(() => hold.served());
  expect(events).toEqual([]);
  hold.begin(() => undefined);
  hold.begin(() => undefined);
  hold.served();
  expect(timers.fire('soon')).toBe(false);
  hold.served();
  timers.fire('soon');
  expect(events).toEqual(['hold', 'release']);
});

test('the end of the connection leaves no timer', () => {
  hold.begin(() => undefined);
  hold.served();
  hold.end();
  expect(timers.due).toEqual([]);
});
