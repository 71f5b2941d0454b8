// N8: the filters of one SUBSCRIBE or UNSUBSCRIBE are begun with in slices, out of one share for all connections.

import { TurnShare } from '@robustmq/runtime';
import { VirtualClock } from '@robustmq/testkit';
import type { Client } from '../src/session/client.ts';
import { FILTER_TURN_MS, inFilterTurns } from '../src/session/in-filter-turns.ts';
import { HOLD_FILTERS } from '../src/session/read-holds.ts';
import { SubscribeFlow, type SubscribePorts } from '../src/session/subscribe-flow.ts';

const FILTERS = 10_000;
/** What a filter costs on the clock of these tests. */
const FILTER_MS = 0.01;

let filters: number;
let timers: VirtualClock;
let share: TurnShare;
/** What was done, in order: entries, and what became of reading. */
let done: string[];

beforeEach(() => {
  filters = 0;
  done = [];
  timers = new VirtualClock();
  share = new TurnShare({ monotonicMs: () => filters * FILTER_MS }, timers, FILTER_TURN_MS);
});

function clientNamed(name: string): Client {
  const session = { identity: { tenant: 't', clientId: name }, subscriptions: new Map(), output: {} };
  return {
    session: { ...session, inheritsAll: false, isDurable: false, unsubscribed: () => undefined },
    guard: (action: () => void) => action(),
    hold: (reason: number) => reason === HOLD_FILTERS && done.push(`${name} held`),
    release: (reason: number) => reason === HOLD_FILTERS && done.push(`${name} released`),
    subscribed: () => done.push(`${name} subscribed`),
    unsubscribed: () => done.push(`${name} unsubscribed`),
  } as unknown as Client;
}

/** The longest turn of what was begun, in milliseconds of its work, until nothing waits. */
async function longestTurnMs(begin: () => void): Promise<number> {
  let longest = 0;
  for (let act: () => void | Promise<boolean> = begin; ; act = () => timers.step()) {
    const before = filters;
    await act();
    longest = Math.max(longest, filters - before);
    if (timers.pending === 0) return longest * FILTER_MS;
  }
}

describe('entries', () => {
  const serve = (client: Client, entries: readonly string[], onDone?: () => void): void =>
    inFilterTurns(
      share,
      client,
      client.session!,
      entries,
      (entry) => {
        done.push(entry);
        filters += FILTER_TURN_MS / FILTER_MS;
      },
      onDone,
    );

  test('that fit into the turn are served at once, and hold nothing', () => {
    serve(clientNamed('a'), ['a1'], () => done.push('through'));
    expect(done).toEqual(['a1', 'through']);
  });

  test('are served in order before anything behind them is read; those of two clients take turns (N7)', async () => {
    serve(clientNamed('a'), ['a1', 'a2', 'a3'], () => done.push('a through'));
    serve(clientNamed('b'), ['b1', 'b2']);
    expect(done).toEqual(['a1', 'a held', 'b held']);
    await timers.advance(0);
    expect(done.slice(3)).toEqual(['a2', 'b1', 'a3', 'a through', 'a released', 'b2', 'b released']);
  });

  test('are left when the connection ends, with what would have come behind', async () => {
    const client = clientNamed('a');
    serve(client, ['a1', 'a2'], () => done.push('through'));
    (client.session as { output: unknown }).output = null;
    await timers.advance(0);
    expect(done).toEqual(['a1', 'a held']);
    expect(share.waitingCount).toBe(0);
  });

  test('one that throws ends its own connection alone (N9)', async () => {
    const failed = jest.fn();
    const bad: Client = {
      ...clientNamed('bad'),
      guard: (action) => {
        try {
          action();
        } catch (thrown) {
          failed(thrown);
        }
      },
    };
    serve(clientNamed('a'), ['a1', 'a2']);
    inFilterTurns(share, bad, bad.session!, ['x'], () => {
      throw new Error('broken');
    });
    await timers.advance(0);
    expect(failed).toHaveBeenCalledTimes(1);
    expect(done).toEqual(['a1', 'a held', 'bad held', 'a2', 'a released']);
  });
});

describe('of ten thousand filters', () => {
  const answers: (() => void)[] = [];
  const flow = new SubscribeFlow({
    get share() {
      return share;
    },
    registry: {
      add: (_tenant: string, _filter: string, callback: (error: undefined, active: object) => void) => {
        filters++;
        answers.push(() => callback(undefined, { filterId: 1, activeFrom: new Map() }));
        return { release: () => filters++ };
      },
    },
    routes: {
      routesOf: () => ({ add: () => undefined, remove: () => undefined }),
      addMeshFilter: () => undefined,
      removeMeshFilter: () => undefined,
      meshReady: (callback: () => void) => callback(),
    },
    tails: { tailOf: () => undefined },
    debug: { isOn: false },
    revision: () => 1,
  } as unknown as SubscribePorts);

  const entriesOf = () =>
    Array.from({ length: FILTERS }, (_, n) => ({
      filter: `f/${n}`,
      reasonCode: 1,
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      subscriptionIdentifier: 0,
    }));

  test('a SUBSCRIBE and its UNSUBSCRIBE take a slice of each turn, and are answered as a whole', async () => {
    const client = clientNamed('a');
    const session = client.session!;
    Object.assign(session, { outbound: { isLive: true, isResuming: false } });
    const request = { packetId: 1, entries: entriesOf() } as never;
    const subscribing = await longestTurnMs(() => flow.subscribe(client, request));
    expect([subscribing <= 2 * FILTER_TURN_MS, answers.length]).toEqual([true, FILTERS]);
    expect(done).toEqual(['a held', 'a released']);
    for (const answer of answers.splice(0)) answer();
    expect(done.splice(0)).toEqual(['a held', 'a released', 'a subscribed']);
    expect(session.subscriptions.size).toBe(FILTERS);

    const unsubscribing = await longestTurnMs(() => flow.unsubscribe(client, request));
    expect(unsubscribing).toBeLessThanOrEqual(2 * FILTER_TURN_MS);
    expect(done).toEqual(['a held', 'a unsubscribed', 'a released']);
    expect(session.subscriptions.size).toBe(0);
  });
});
