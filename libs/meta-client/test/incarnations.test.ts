import { BrokerError } from '@robustmq/errors';
import type { Cancel, Timers } from '@robustmq/runtime';
import { Incarnations, type IncarnationsMeta } from '../src/incarnations.ts';
import type { Registration } from '../src/meta-client.ts';

/** A meta-service whose answers a test gives one by one. */
class ScriptedMeta implements IncarnationsMeta {
  readonly events: string[] = [];
  readonly losing = new Map<number, (reason: string) => void>();
  readonly answers: (BrokerError | 'ok' | 'lost before it serves' | 'view lags')[] = [];
  incarnation = 0;
  readonly #listeners = new Set<() => void>();
  readonly view = {
    ownershipEpoch: 3,
    waitForRevision: (revision: number): Promise<void> =>
      revision === LAGGING
        ? Promise.reject(new BrokerError('deadline_exceeded', 'the view lags'))
        : Promise.resolve(),
    onChange: (listener: () => void): (() => void) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
  };
  acknowledgement: Error | undefined;

  async register(_description: object, onLost: (reason: string) => void): Promise<Registration> {
    const answer = this.answers.shift() ?? 'ok';
    this.events.push(`register ${answer instanceof BrokerError ? answer.code : answer}`);
    if (answer instanceof BrokerError) throw answer;
    const incarnation = ++this.incarnation;
    let held = answer !== 'lost before it serves';
    this.losing.set(incarnation, (reason) => {
      held = false;
      onLost(reason);
    });
    return {
      node: { incarnation, number: 1 },
      identity: { nodeId: 'n', incarnation: BigInt(incarnation), directoryId: '' },
      revision: answer === 'view lags' ? LAGGING : 1,
      get held() {
        return held;
      },
      release: () => Promise.resolve(void this.events.push(`release ${incarnation}`)),
    } as unknown as Registration;
  }

  acknowledgeOwnership(registration: Registration, epoch: number): Promise<void> {
    this.events.push(`acknowledge ${epoch} by ${registration.node.incarnation}`);
    return this.acknowledgement === undefined ? Promise.resolve() : Promise.reject(this.acknowledgement);
  }

  ownership(epoch: number): void {
    this.view.ownershipEpoch = epoch;
    for (const listener of this.#listeners) listener();
  }
}

const LAGGING = 99;
const AWAY = new BrokerError('unavailable', 'meta-service is away');
const REFUSED = new BrokerError('conflict', 'the node id belongs to another kind of service');

/** Timers that are due at once, and remember how long they should have taken. */
class HastyTimers implements Timers {
  readonly delaysMs: number[] = [];
  after(delayMs: number, action: () => void): Cancel {
    this.delaysMs.push(delayMs);
    return this.soon(action);
  }
  every(): Cancel {
    throw new Error('nothing is periodic here');
  }
  soon(action: () => void): Cancel {
    const handle = setImmediate(action);
    return () => clearImmediate(handle);
  }
}

let meta: ScriptedMeta;
let timers: HastyTimers;
let incarnations: Incarnations<string>;
const make = (acknowledgesOwnership = false): Incarnations<string> =>
  new Incarnations({
    meta,
    timers,
    description: { nodeId: 'n' },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    begin: ({ node }) => {
      meta.events.push(`begin ${node.incarnation}`);
      return `serving ${node.incarnation}`;
    },
    end: (serving, reason) => void meta.events.push(`end ${serving}: ${reason}`),
    acknowledgesOwnership,
  });
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
};
beforeEach(() => {
  meta = new ScriptedMeta();
  timers = new HastyTimers();
  incarnations = make();
});

it('begins once the view shows the registration, and ends with a release', async () => {
  expect(() => incarnations.registration).toThrow(expect.objectContaining({ code: 'unavailable' }));
  await incarnations.start();
  expect([incarnations.held, incarnations.serving]).toEqual([true, 'serving 1']);
  await incarnations.close();
  expect([incarnations.held, incarnations.serving]).toEqual([false, undefined]);
  expect(meta.events).toEqual(['register ok', 'begin 1', 'release 1']);
});

it('F1: a lost lease ends what it covered in the same turn, and the next incarnation begins', async () => {
  await incarnations.start();
  meta.losing.get(1)!('no renewal');
  expect(meta.events.at(-2)).toBe('end serving 1: no renewal');
  expect([incarnations.held, incarnations.serving]).toEqual([false, undefined]);
  await settled();
  expect(incarnations.serving).toBe('serving 2');
  meta.losing.get(1)!('told again');
  expect(incarnations.serving).toBe('serving 2');
});

it('registers once, however long meta-service is away, with growing pauses', async () => {
  await incarnations.start();
  meta.answers.push(AWAY, AWAY, AWAY, AWAY, 'ok');
  meta.losing.get(1)!('no renewal');
  await settled();
  expect(meta.incarnation).toBe(2);
  expect(meta.events.filter((event) => event === 'register unavailable')).toHaveLength(4);
  expect(timers.delaysMs).toHaveLength(4);
  expect(Math.max(...timers.delaysMs)).toBeLessThanOrEqual(5_000);
});

it('a refusal ends the start, and only the start: later the same process was right once', async () => {
  meta.answers.push(AWAY, REFUSED);
  await expect(incarnations.start()).rejects.toBe(REFUSED);
  await incarnations.start();
  meta.answers.push(REFUSED, 'ok');
  meta.losing.get(1)!('no renewal');
  await settled();
  expect(incarnations.serving).toBe('serving 2');
});

it('an incarnation that the view does not show in time is released before the next try', async () => {
  meta.answers.push('view lags', 'ok');
  await incarnations.start();
  expect(meta.events).toEqual(['register view lags', 'release 1', 'register ok', 'begin 2']);
});

it('a lease that is lost before it serves begins nothing', async () => {
  meta.answers.push('lost before it serves', 'ok');
  await incarnations.start();
  expect(meta.events).toEqual(['register lost before it serves', 'register ok', 'begin 2']);
});

it('closed between two incarnations, it begins no other', async () => {
  await incarnations.start();
  meta.answers.push(...Array<BrokerError>(100).fill(AWAY));
  meta.losing.get(1)!('no renewal');
  await settled();
  await incarnations.close();
  await settled();
  const { length } = meta.events;
  await settled();
  expect([meta.events.length, incarnations.serving]).toEqual([length, undefined]);
});

describe('O2: the ownership epoch', () => {
  const acknowledgements = (): string[] => meta.events.filter((event) => event.startsWith('acknowledge'));
  beforeEach(async () => {
    incarnations = make(true);
    await incarnations.start();
  });

  it('is acknowledged by each incarnation, once, and when it rises', async () => {
    meta.ownership(3);
    await settled();
    meta.ownership(4);
    meta.losing.get(1)!('no renewal');
    meta.ownership(5);
    await settled();
    expect(acknowledgements()).toEqual(['acknowledge 3 by 1', 'acknowledge 4 by 1', 'acknowledge 5 by 2']);
  });

  it('is acknowledged by one call at a time, whose successor covers all that came meanwhile (N8)', async () => {
    for (let epoch = 4; epoch < 1_000; epoch++) meta.ownership(epoch);
    expect(acknowledgements()).toEqual(['acknowledge 3 by 1', 'acknowledge 4 by 1']);
    await settled();
    expect(acknowledgements().slice(2)).toEqual(['acknowledge 999 by 1']);
  });

  it('is acknowledged at once when a call fails that was made for less than it is by then', async () => {
    meta.acknowledgement = new Error('lost');
    meta.ownership(4);
    meta.ownership(5);
    meta.acknowledgement = undefined;
    await settled();
    expect(acknowledgements().slice(1)).toEqual(['acknowledge 4 by 1', 'acknowledge 5 by 1']);
    meta.ownership(5);
    await settled();
    expect(acknowledgements()).toHaveLength(3);
  });

  it('a call of an incarnation that has ended keeps none of the next one', async () => {
    let answer = (): void => undefined;
    jest
      .spyOn(meta, 'acknowledgeOwnership')
      .mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    meta.ownership(4);
    meta.losing.get(1)!('no renewal');
    await settled();
    expect(acknowledgements()).toEqual(['acknowledge 3 by 1', 'acknowledge 4 by 2']);
    answer();
    meta.ownership(5);
    await settled();
    expect(acknowledgements().slice(2)).toEqual(['acknowledge 5 by 2']);
  });

  it('is acknowledged again with the next change after a failure', async () => {
    meta.acknowledgement = new Error('lost');
    meta.ownership(4);
    meta.acknowledgement = undefined;
    await Promise.resolve();
    meta.ownership(4);
    meta.ownership(4);
    expect(meta.events.filter((event) => event === 'acknowledge 4 by 1')).toHaveLength(2);
  });

  it('N7: is acknowledged again after failures, with growing pauses, though the view never changes', async () => {
    meta.acknowledgement = new Error('lost');
    meta.ownership(4);
    await settled();
    meta.acknowledgement = undefined;
    await settled();
    const { length } = acknowledgements();
    expect(new Set(acknowledgements().slice(1))).toEqual(new Set(['acknowledge 4 by 1']));
    expect(timers.delaysMs[7]).toBeGreaterThan(timers.delaysMs[0] ?? Infinity);
    expect(Math.max(...timers.delaysMs)).toBeLessThanOrEqual(5_000);
    await settled();
    expect(acknowledgements()).toHaveLength(length);
  });

  it('N7: what failed is not tried again once it is closed', async () => {
    meta.acknowledgement = new Error('lost');
    meta.ownership(4);
    await settled();
    await incarnations.close();
    const { length } = acknowledgements();
    await settled();
    expect(acknowledgements()).toHaveLength(length);
  });
});
