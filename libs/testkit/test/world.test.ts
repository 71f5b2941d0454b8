import { BrokerError } from '@robustmq/errors';
import { invariant } from '../src/simulation/simulate.ts';
import type { ConnectionEnd } from '../src/simulation/simulated-network.ts';
import { World, type Life } from '../src/simulation/world.ts';

/** A server that answers each number with itself, and keeps what it heard. */
function echo(heard: unknown[]): (life: Life) => void {
  return (life) =>
    life.serve((end, from) =>
      end.listen({
        onFrame: (frame) => {
          heard.push(`${from}:${String(frame)}`);
          end.send(frame);
        },
        onOver: (error) => heard.push(`over:${error?.code ?? 'ended'}`),
      }),
    );
}

interface Caller {
  end: ConnectionEnd<number, number>;
  readonly got: number[];
  readonly over: string[];
}

/** A process that calls `server` once and sends what it is told to. */
function calling(caller: Caller, numbers: readonly number[]): (life: Life) => void {
  return (life) => {
    caller.end = life.connect<number, number>('server');
    caller.end.listen({
      onFrame: (frame) => caller.got.push(frame),
      onOver: (error) => caller.over.push(error?.code ?? 'ended'),
    });
    for (const number of numbers) caller.end.send(number);
  };
}

const newCaller = (): Caller => ({ end: undefined as never, got: [], over: [] });
const NUMBERS = Array.from({ length: 50 }, (_, number) => number);

describe('network of a world', () => {
  test('carries frames in order, those sent before the peer was there included', async () => {
    const world = new World(1);
    const [heard, caller] = [[] as unknown[], newCaller()];
    world.add('server', echo(heard));
    world.add('caller', calling(caller, NUMBERS));
    world.start('server');
    world.start('caller');
    await world.until('all came back', 1_000, () => caller.got.length === NUMBERS.length);
    expect(caller.got).toEqual(NUMBERS);
    expect(heard).toEqual(NUMBERS.map((number) => `caller:${number}`));
    caller.end.end();
    await world.run(100);
    expect(heard.at(-1)).toBe('over:ended');
    expect(world.network.open).toBe(0);
  });

  test('tells the caller when nobody is there, when the peer dies, and never twice', async () => {
    const world = new World(2);
    const [heard, first, second] = [[] as unknown[], newCaller(), newCaller()];
    world.add('server', echo(heard));
    world.add('a', calling(first, [1]));
    world.add('b', calling(second, [2]));
    world.start('a');
    await world.run(200);
    expect([first.over, first.got]).toEqual([['unavailable'], []]);
    world.start('server');
    world.start('b');
    await world.until('it answers', 200, () => second.got.length === 1);
    world.kill('server');
    await world.run(500);
    expect(second.over).toEqual(['unavailable']);
    // The dead one heard nothing of its own end.
    expect(heard).toEqual(['b:2']);
  });

  test('a cut in one direction silences that direction and ends the connection that uses it', async () => {
    const world = new World(3);
    const [heard, caller] = [[] as unknown[], newCaller()];
    world.add('server', echo(heard));
    world.add('caller', calling(caller, [1]));
    world.start('server');
    world.start('caller');
    await world.until('it answers', 200, () => caller.got.length === 1);
    world.network.cut('server', 'caller');
    caller.end.send(2);
    await world.run(500);
    expect(heard).toContain('caller:2');
    expect([caller.got, caller.over]).toEqual([[1], ['unavailable']]);
  });

  test('what is under way when a connection breaks never arrives', async () => {
    let broken = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const world = new World(seed);
      const [heard, caller] = [[] as unknown[], newCaller()];
      world.network.behaviour.breakRate = 0.02;
      world.add('server', echo(heard));
      world.add('caller', calling(caller, NUMBERS));
      world.start('server');
      world.start('caller');
      await world.run(1_000);
      expect(caller.got).toEqual(NUMBERS.slice(0, caller.got.length));
      if (caller.over.length > 0) broken++;
    }
    expect(broken).toBeGreaterThan(10);
  });
});

describe('processes of a world', () => {
  test('timers and disk work die with a life, files do not', async () => {
    const world = new World(4);
    const seen: string[] = [];
    world.add('p', async (life) => {
      const { clock, disk } = life;
      clock.every(10, () => seen.push(`tick of ${life.number}`));
      if (life.number === 1) {
        disk.makeDirectory('d');
        const file = disk.create('d/f');
        file.write(Buffer.from('kept'), 0);
        await file.sync();
        seen.push('synced');
        await file.sync();
        await file.sync();
      } else {
        seen.push(disk.contentOf('d/f').toString());
      }
    });
    world.start('p');
    await world.until('the first sync', 100, () => seen.includes('synced'));
    world.kill('p');
    const atDeath = seen.length;
    await world.run(100);
    expect(seen).toHaveLength(atDeath);
    world.start('p');
    await world.run(25);
    expect(seen.slice(atDeath)).toEqual(['kept', 'tick of 2', 'tick of 2']);
  });

  test('what falls due in a pause runs behind it in its order, frames and timers, also when the pause is made longer', async () => {
    const world = new World(6);
    const [heard, caller, timers] = [[] as unknown[], newCaller(), [] as number[]];
    world.network.behaviour.delayMs = 0;
    world.add('server', (life) => {
      echo(heard)(life);
      for (const number of NUMBERS) life.clock.after(10 + number, () => timers.push(number));
      life.clock.after(15, () => timers.push(-1))();
      const cancelInPause = life.clock.after(12, () => timers.push(-2));
      world.clock.schedule(40, cancelInPause);
    });
    world.add('caller', calling(caller, []));
    world.start('server');
    world.start('caller');
    await world.run(5);
    world.pause('server', 30);
    for (const number of NUMBERS) world.clock.schedule(5 + number, () => caller.end.send(number));
    await world.run(25);
    // What waits already and what comes later wait for the same instant.
    world.pause('server', 20);
    await world.run(19);
    expect([heard, timers]).toEqual([[], []]);
    await world.run(100);
    expect(timers).toEqual(NUMBERS);
    expect(heard).toEqual(NUMBERS.map((number) => `caller:${number}`));
  });

  test('a process that fails ends, and what it finds broken fails the run', async () => {
    const world = new World(5);
    world.add('fails', () => {
      throw new BrokerError('storage_failed', 'EIO');
    });
    world.add('finds', async (life) => {
      await new Promise<void>((resolve) => life.clock.after(10, resolve));
      invariant(false, 'I1: something is lost');
    });
    world.start('fails');
    await world.run(5);
    expect([world.isRunning('fails'), world.exits]).toEqual([false, [{ name: 'fails', reason: 'EIO' }]]);
    world.start('finds');
    await expect(world.run(50)).rejects.toThrow('I1: something is lost');
    await expect(world.until('never', 50, () => false)).rejects.toThrow('after 50 ms of quiet: never');
  });

  test('the same seed is the same run', async () => {
    const traces = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const world = new World(seed);
        const [heard, caller] = [[] as unknown[], newCaller()];
        world.network.behaviour.breakRate = 0.01;
        world.add('server', echo(heard));
        world.add('caller', calling(caller, NUMBERS));
        world.start('server');
        world.start('caller');
        await world.run(500);
        return JSON.stringify([heard, caller.got, caller.over]);
      }),
    );
    expect(traces[0]).toBe(traces[1]);
    expect(traces[0]).not.toBe(traces[2]);
  });
});
