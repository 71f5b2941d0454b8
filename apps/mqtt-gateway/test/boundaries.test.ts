// N9: a boundary at every entry. A fault is planted behind each way into the process (bytes and ends of sockets, timers,
// promises, answers of meta and the journals, streams of gateways, the view), one throw each: it is counted, ends at most
// the connection it belongs to, and everybody else is served on. A throw that gets out fails the run itself.

import { hashPassword } from '@robustmq/access-control/testing';
import { VirtualClock } from '@robustmq/testkit';
import { EventEmitter } from 'node:events';
import { Boundary, guardedTimers } from '../src/boundary.ts';
import { addGatewayService, type GatewayServiceHost } from '../src/mesh/mesh.ts';
import type { Serving } from '../src/serving.ts';
import type { Client } from '../src/session/client.ts';
import type { Connection } from '../src/session/connection.ts';
import { BatchedCall } from '../src/store/batched-call.ts';
import { OutputFlusher } from '../src/transport/output-flusher.ts';
import { type RawClient, RecordingLog, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

let running: Running;
let witness: RawClient;

const client = (): RawClient => running.client(5);

beforeEach(async () => {
  running = await start();
  witness = client();
  await witness.connect('witness');
  await witness.subscribe('w', 1);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await running.stop();
});

const serving = (): Serving => running.gateway.serving!;
const connected = (clientId: string): Client => serving().directory.get('default', clientId)!;
const boom = (): never => {
  throw new TypeError('planted');
};

/** The first call behind `passes` of them throws. */
function plant<T extends object>(target: T, method: keyof T & string, passes = 0): void {
  const original = (target[method] as (...args: unknown[]) => unknown).bind(target);
  let calls = 0;
  (target as Record<string, unknown>)[method] = (...args: unknown[]): unknown =>
    calls++ === passes ? boom() : original(...args);
}

/** A victim that is connected and subscribed to `v`. */
async function victimOf(terms: Record<string, unknown> = {}): Promise<RawClient> {
  const victim = client();
  await victim.connect('victim', terms);
  await victim.subscribe('v', 1);
  return victim;
}

interface Entry {
  readonly entry: string;
  /** Plants the fault and comes in by the entry. */
  readonly enter: () => Promise<RawClient | undefined>;
}

const entries: readonly Entry[] = [
  {
    entry: 'bytes of a socket',
    enter: async () => {
      const victim = await victimOf();
      plant(serving().publisher, 'publish');
      victim.publish('v', 'x', 1);
      return victim;
    },
  },
  {
    entry: 'the end of a socket',
    enter: async () => {
      const victim = await victimOf();
      plant(connected('victim').machine, 'connectionLost');
      victim.socket.end();
      return victim;
    },
  },
  {
    entry: 'the close of a socket',
    enter: async () => {
      const victim = await victimOf();
      plant(connected('victim').machine, 'connectionLost');
      victim.close();
      return victim;
    },
  },
  {
    entry: 'the drain of a socket',
    enter: async () => {
      const victim = await victimOf();
      plant(connected('victim').output, 'drained');
      (connected('victim') as Connection).drained();
      return victim;
    },
  },
  {
    entry: 'the output of a turn',
    enter: async () => {
      const victim = await victimOf();
      plant(connected('victim').output, 'flush');
      victim.publish('v', 'x', 0);
      return victim;
    },
  },
  {
    entry: 'the timer of a connection',
    enter: async () => {
      const victim = await victimOf({ keepalive: 1 });
      plant(connected('victim').machine, 'expire');
      return victim;
    },
  },
  {
    entry: 'a timer of the gateway',
    enter: () => {
      plant(serving().registry, 'expire');
      return Promise.resolve(undefined);
    },
  },
  {
    entry: 'the promise of a login',
    enter: async () => {
      running.meta.addUser('ann', await hashPassword('secret'));
      await until(() => running.gateway.meta.view.users.size === 1);
      plant(serving().directory, 'replace');
      const victim = client();
      victim.send(victim.connectPacket('victim', { username: 'ann', password: Buffer.from('secret') }));
      return victim;
    },
  },
  {
    entry: 'the answer of meta to a CONNECT',
    enter: () => {
      plant(serving().directory, 'get', 1);
      const victim = client();
      victim.send(victim.connectPacket('victim'));
      return Promise.resolve(victim);
    },
  },
  {
    entry: 'the answer of the journals to a SUBSCRIBE',
    enter: async () => {
      const victim = await victimOf();
      plant(serving().tails, 'tailOf');
      victim.send({ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: 'other', qos: 1 }] });
      return victim;
    },
  },
  {
    entry: 'the answer of meta to an UNSUBSCRIBE',
    enter: async () => {
      const victim = await victimOf(durable);
      plant(connected('victim').machine, 'unsubscribed');
      victim.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['v'] });
      return victim;
    },
  },
  {
    entry: 'the outcome of an append',
    enter: async () => {
      const victim = await victimOf();
      plant(connected('victim').output, 'reserve');
      victim.publish('nobody', 'x', 1);
      return victim;
    },
  },
  {
    entry: 'the view of the cluster',
    enter: async () => {
      plant(serving(), 'forgetStream');
      const { streamId } = running.meta.addStream({ name: 'gone', mqttFilter: 'gone' });
      await until(() => running.gateway.meta.view.streams.has(streamId));
      running.meta.deleteStream(streamId);
      return undefined;
    },
  },
];

test.each(entries)('N9: $entry', async ({ enter }) => {
  const victim = await enter();
  await until(() => running.gateway.boundary.failures === 1, 'the fault is counted');
  expect(running.log.lines.filter((line) => line.includes('unexpected failure'))).toHaveLength(1);
  if (victim !== undefined) {
    await until(() => victim.isClosed, 'the connection ends');
    await until(() => serving().directory.get('default', 'victim') === undefined, 'its session is let go');
    // Nothing of it stands in the way of the next connection (N7).
    expect((await client().connect('victim')).reasonCode).toBe(0);
  }
  expect(witness.isClosed).toBe(false);
  witness.publish('w', 'still served', 1);
  await witness.take('puback');
  await until(() => witness.payloads().includes('still served'));
  expect(running.gateway.boundary.failures).toBe(1);
});

test('N9, N5: a section of the tail that fails is read from the log', async () => {
  plant(serving().tails, 'receive');
  witness.publish('w', 'in the section that fails', 1, 1);
  await witness.take('puback');
  await until(() => running.gateway.boundary.failures === 1);
  witness.publish('w', 'behind it', 1, 2);
  await until(() => witness.payloads().length === 2);
  expect(witness.payloads()).toEqual(['in the section that fails', 'behind it']);
});

describe('parts with a boundary of their own', () => {
  const failing = (): { boundary: Boundary; log: RecordingLog } => {
    const log = new RecordingLog();
    return { boundary: new Boundary(log), log };
  };

  test('a stream of another gateway', () => {
    const { boundary } = failing();
    const stream = Object.assign(new EventEmitter(), { end: () => undefined });
    const mesh = { routes: { join: boom } };
    let serve = (_stream: unknown): void => undefined;
    const server = {
      add: (_service: unknown, { mesh: handler }: { mesh: typeof serve }) => (serve = handler),
    };
    const host = {
      boundary,
      mesh: () => mesh,
      stopSession: () => undefined,
    } as unknown as GatewayServiceHost;
    addGatewayService(server as never, host);
    serve(stream);
    stream.emit('data', { frame: { case: 'hello', value: {} } });
    expect(boundary.failures).toBe(1);
  });

  test('a session that fails to end leaves those that are asked for beside it', async () => {
    const victim = await victimOf(durable);
    plant(connected('victim').machine, 'disconnect');
    const { takeovers } = serving();
    const old = { tenant: 'default', clientId: 'victim', epoch: 1_000n };
    expect(takeovers.stop(old).hasStopped).toBe(true);
    await until(() => victim.isClosed);
    expect(running.gateway.boundary.failures).toBe(1);
  });

  test('one outcome of a call leaves those of the others', async () => {
    const { boundary } = failing();
    const clock = new VirtualClock();
    const call = new BatchedCall<number, number>((sent) => Promise.resolve(sent), {
      maxBatch: 9,
      maxCalls: 1,
      maxWaiting: 9,
      timers: clock,
      failed: (thrown, where) => boundary.failed(thrown, where),
    });
    const outcomes: number[] = [];
    call.add(1, boom);
    call.add(2, (_error, outcome) => outcomes.push(outcome!));
    await clock.advance(1);
    expect(outcomes).toEqual([2]);
    expect(boundary.failures).toBe(1);
    expect(call.pending).toBe(0);
  });

  test('one output of a turn leaves the others', () => {
    const { boundary } = failing();
    const clock = new VirtualClock();
    const flusher = new OutputFlusher({
      clock,
      timers: clock,
      failed: (thrown, where) => boundary.failed(thrown, where),
    });
    const calls: string[] = [];
    const output = (name: string, flush = (): unknown => calls.push(`${name} written`)) => ({
      flush: () => void flush(),
      destroy: () => calls.push(`${name} cut`),
    });
    flusher.add(output('first'));
    flusher.add(output('second', boom));
    flusher.add(output('third'));
    flusher.flush();
    expect(calls).toEqual(['first written', 'second cut', 'third written']);
    expect(boundary.failures).toBe(1);
  });

  test('timers of any kind', async () => {
    const { boundary } = failing();
    const clock = new VirtualClock();
    const timers = boundary.timers(clock);
    timers.soon(boom);
    timers.after(5, boom);
    const stop = timers.every(10, boom);
    await clock.advance(25);
    stop();
    await clock.advance(25);
    expect(boundary.failures).toBe(4);
  });

  test('timers of a connection end at it', async () => {
    const clock = new VirtualClock();
    const thrown: unknown[] = [];
    const timers = guardedTimers(clock, (action) => {
      try {
        action();
      } catch (error) {
        thrown.push(error);
      }
    });
    timers.soon(boom);
    timers.after(1, () => undefined)();
    await clock.advance(2);
    expect(thrown).toHaveLength(1);
  });

  test('N14: the same failure again and again is a few lines, and counted each time', () => {
    const { boundary, log } = failing();
    for (let count = 0; count < 100; count++) boundary.run('somewhere', boom);
    expect(boundary.failures).toBe(100);
    expect(log.lines.length).toBeLessThan(10);
    expect(log.lines[0]).toMatch(/^error unexpected failure/);
  });
});
