// Between two incarnations (rules F1, R3, N7): who comes then waits for the next journal, and a directory has one user at a
// time.

import { EventEmitter } from 'node:events';
import type { RpcServer } from '@robustmq/rpc';
import { drained } from '@robustmq/testkit';
import type { Journal } from '../src/journal.ts';
import { Openings } from '../src/process/openings.ts';
import { addServices, CurrentJournal } from '../src/process/services.ts';

class WaitingStream extends EventEmitter {
  cancelled = false;
}

interface Calls {
  exchange(stream: WaitingStream): void;
  describeShards(request: object): Promise<unknown>;
}

describe('the services', () => {
  let current: CurrentJournal;
  let calls: Calls;

  beforeEach(() => {
    current = new CurrentJournal();
    const rpc = { add: (_service: unknown, added: Calls) => (calls = added) };
    addServices(rpc as unknown as RpcServer, current);
  });

  /** A journal that notes which streams it accepts. */
  function journal(): { readonly accepted: unknown[]; readonly journal: Journal } {
    const accepted: unknown[] = [];
    const made = { accept: (link: unknown) => accepted.push(link), shards: new Map(), failed: [], turns: {} };
    return { accepted, journal: made as unknown as Journal };
  }

  test('streams wait for the journal that opens; one that serves takes them at once', async () => {
    const { accepted, journal: first } = journal();
    calls.exchange(new WaitingStream());
    expect(accepted).toHaveLength(0);
    current.serve(first);
    await drained();
    expect(accepted).toHaveLength(1);
    calls.exchange(new WaitingStream());
    expect(accepted).toHaveLength(2);
  });

  test('N7: a stream that is cancelled while the journal opens is never accepted', async () => {
    const { accepted, journal: first } = journal();
    const [gone, patient] = [new WaitingStream(), new WaitingStream()];
    calls.exchange(gone);
    calls.exchange(patient);
    gone.cancelled = true;
    gone.emit('cancelled');
    current.serve(first);
    await drained();
    expect(accepted).toHaveLength(1);
    expect([gone.listenerCount('data'), patient.listenerCount('data')]).toEqual([0, 1]);
  });

  test('F1: what comes after a lost lease goes to the next incarnation, not to the one that ends', async () => {
    const [first, second] = [journal(), journal()];
    current.serve(first.journal);
    current.rest();
    // Told twice: by the lease and by the end of the process.
    current.rest();
    expect(current.journal).toBeUndefined();
    calls.exchange(new WaitingStream());
    const described = calls.describeShards({ shards: [] });
    await drained();
    expect([first.accepted, second.accepted]).toEqual([[], []]);
    current.serve(second.journal);
    expect(await described).toEqual({ shards: [] });
    expect([first.accepted.length, second.accepted.length]).toEqual([0, 1]);
  });
});

describe('openings of the data directory', () => {
  let events: string[];
  let failure: Error | undefined;
  let openings: Openings<string>;

  beforeEach(() => {
    events = [];
    failure = undefined;
    let opened = 0;
    openings = new Openings({
      open: () => {
        if (failure !== undefined) return Promise.reject(failure);
        events.push(`open ${++opened}`);
        return Promise.resolve(`directory ${opened}`);
      },
      release: (directory) => Promise.resolve(void events.push(`release ${directory}`)),
    });
  });

  test('N3: the next is opened only when the last user is done with it', async () => {
    await openings.prepare();
    expect(openings.take()).toBe('directory 1');
    const ending = Promise.withResolvers<undefined>();
    openings.ended(ending.promise.then(() => void events.push('closed 1')));
    const next = openings.prepare();
    await drained();
    expect(events).toEqual(['open 1']);
    ending.resolve(undefined);
    await next;
    expect([events, openings.take()]).toEqual([['open 1', 'closed 1', 'open 2'], 'directory 2']);
  });

  test('a registration that fails opens nothing again', async () => {
    await openings.prepare();
    await openings.prepare();
    expect(events).toEqual(['open 1']);
  });

  test('what nobody began to use is let go of at the end', async () => {
    await openings.prepare();
    await openings.close();
    await openings.close();
    expect(events).toEqual(['open 1', 'release directory 1']);
  });

  test('a directory that can not be opened again says so, and may be tried again', async () => {
    failure = new Error('damaged');
    await expect(openings.prepare()).rejects.toThrow('damaged');
    failure = undefined;
    await openings.prepare();
    expect(openings.take()).toBe('directory 1');
  });
});
