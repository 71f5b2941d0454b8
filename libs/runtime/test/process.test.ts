import { EventEmitter } from 'node:events';
import { createServer, type Server } from 'node:net';
import { BrokerError } from '@robustmq/errors';
import { Shutdown, describeFatal, explainListenError, listenTcp, runMain } from '../src/index.ts';
import type { ProcessHandle } from '../src/shutdown.ts';

const never = (): Promise<never> => new Promise(() => undefined);

class FakeProcess extends EventEmitter implements ProcessHandle {
  readonly exited: Promise<number>;
  exitCount = 0;
  #exit: (code: number) => void = () => undefined;

  constructor() {
    super();
    this.exited = new Promise((resolve) => (this.#exit = resolve));
  }

  exit(code: number): void {
    this.exitCount++;
    this.#exit(code);
  }
}

function setUp(): { shutdown: Shutdown; fake: FakeProcess; lines: string[] } {
  const fake = new FakeProcess();
  const lines: string[] = [];
  const log = {
    info: (_fields: object, message: string): void => void lines.push(message),
    error: (fields: Record<string, unknown>, message: string): void =>
      void lines.push(`${message}: ${String(fields['step'])}`),
  };
  return { shutdown: new Shutdown({ log, process: fake }), fake, lines };
}

describe('Shutdown', () => {
  it('runs the steps once, the last one added first, and exits with 0', async () => {
    const { shutdown, fake, lines } = setUp();
    const order: string[] = [];
    for (const name of ['store', 'server', 'listener']) {
      shutdown.add(name, 1000, async () => void order.push(name));
    }
    shutdown.installSignals();
    fake.emit('SIGTERM');
    void shutdown.run('again');
    await expect(fake.exited).resolves.toBe(0);
    expect(order).toEqual(['listener', 'server', 'store']);
    expect(lines).toEqual(['shutdown started', 'shutdown finished']);
    expect(() => shutdown.add('late', 1, never)).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });

  it('goes on past a step that fails or hangs, and exits with 1', async () => {
    const { shutdown, fake, lines } = setUp();
    let isStoreClosed = false;
    let isAborted = false;
    shutdown.add('store', 1000, async () => void (isStoreClosed = true));
    shutdown.add('hangs', 5, (signal) => {
      signal.addEventListener('abort', () => (isAborted = true));
      return never();
    });
    shutdown.add('fails', 1000, async () => {
      throw new BrokerError('internal', 'no');
    });
    await shutdown.exit('test');
    await expect(fake.exited).resolves.toBe(1);
    expect([isStoreClosed, isAborted]).toEqual([true, true]);
    expect(lines).toContain('shutdown step failed: hangs');
    expect(lines).toContain('shutdown step failed: fails');
  });

  it('ends at once at a second signal', async () => {
    const { shutdown, fake } = setUp();
    shutdown.add('hangs', 60_000, () => fake.exited.then(() => undefined));
    shutdown.installSignals();
    fake.emit('SIGINT');
    expect(fake.exitCount).toBe(0);
    fake.emit('SIGTERM');
    await expect(fake.exited).resolves.toBe(130);
  });

  it('N7: goes on at the first signal when it began for another reason: a supervisor sends it behind its drain', async () => {
    const { shutdown, fake } = setUp();
    const handedOver = Promise.withResolvers<void>();
    shutdown.add('hands over', 60_000, () => handedOver.promise);
    shutdown.installSignals();
    void shutdown.exit('drain asked for');
    fake.emit('SIGTERM');
    expect(fake.exitCount).toBe(0);
    handedOver.resolve();
    await expect(fake.exited).resolves.toBe(0);
    expect(fake.exitCount).toBe(1);
  });

  it('ends at once at the second signal also when it began for another reason', async () => {
    const { shutdown, fake } = setUp();
    shutdown.add('hangs', 60_000, () => fake.exited.then(() => undefined));
    shutdown.installSignals();
    void shutdown.exit('drain asked for');
    fake.emit('SIGTERM');
    fake.emit('SIGTERM');
    await expect(fake.exited).resolves.toBe(130);
  });

  it('keeps a failure code, and removes its handlers', async () => {
    const { shutdown, fake } = setUp();
    const remove = shutdown.installSignals();
    remove();
    expect(fake.listenerCount('SIGTERM')).toBe(0);
    await shutdown.exit('disk failed', 3);
    await expect(fake.exited).resolves.toBe(3);
  });
});

describe('listenTcp', () => {
  const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

  it('returns the port that it got, and names port and option when it is taken', async () => {
    const first = createServer();
    const { port } = await listenTcp(first, '127.0.0.1', 0, 'listeners.tcp.port');
    expect(port).toBeGreaterThan(0);
    expect(first.listenerCount('error')).toBe(0);
    const second = createServer();
    await expect(listenTcp(second, '127.0.0.1', port, 'listeners.tcp.port')).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(new RegExp(`port ${port} .* listeners\\.tcp\\.port`)),
      details: { port, option: 'listeners.tcp.port' },
    });
    await close(first);
  });

  it('explains ports and hosts that can not be', async () => {
    await expect(listenTcp(createServer(), '127.0.0.1', 70_000, 'x.port')).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await expect(listenTcp(createServer(), '203.0.113.77', 0, 'x.port')).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it.each([
    [{ code: 'EACCES' }, 'permission_denied'],
    [{ code: 'EMFILE' }, 'internal'],
    [undefined, 'internal'],
  ])('%j is %s', (error, code) => {
    expect(explainListenError(error, '::', 80, 'x.port').code).toBe(code);
  });
});

describe('runMain', () => {
  it('leaves a main that succeeds alone', async () => {
    let isDone = false;
    await runMain('test', async () => void (isDone = true));
    expect(isDone).toBe(true);
  });

  it('ends with the launcher that started it', async () => {
    const exit = jest.spyOn(process, 'exit').mockImplementation((() => undefined) as typeof process.exit);
    const before = process.listenerCount('disconnect');
    const { connected } = process;
    process.connected = true;
    await runMain('test', () => Promise.resolve());
    process.connected = connected;
    expect(process.listenerCount('disconnect')).toBe(before + 1);
    (process.listeners('disconnect').at(-1) as () => void)();
    expect(exit).toHaveBeenCalledWith(3);
    process.off('disconnect', process.listeners('disconnect').at(-1) as () => void);
    exit.mockRestore();
  });

  it('prints the error and ends the process with its code', async () => {
    const lines: string[] = [];
    const exit = jest.spyOn(process, 'exit').mockImplementation((() => undefined) as typeof process.exit);
    const write = jest.spyOn(process.stderr, 'write').mockImplementation(((
      line: string,
      done: () => void,
    ) => {
      lines.push(line);
      done();
      return true;
    }) as typeof process.stderr.write);
    await runMain('journal-server', async () => {
      throw new BrokerError('conflict', 'port 1 is in use');
    });
    expect(lines).toEqual(['journal-server: port 1 is in use [conflict]\n']);
    expect(exit).toHaveBeenCalledWith(2);
    write.mockRestore();
    exit.mockRestore();
  });

  it('shows a stack only for what nobody expected', () => {
    expect(describeFatal(new BrokerError('corrupt', 'disk'))).toEqual({ text: 'disk [corrupt]', code: 1 });
    expect(describeFatal(new TypeError('bug')).text).toContain('process.test');
    expect(describeFatal('odd')).toEqual({ text: 'odd', code: 1 });
  });

  it('asks to be started again when a repeat may succeed', () => {
    for (const code of ['deadline_exceeded', 'unavailable', 'storage_failed'] as const)
      expect(describeFatal(new BrokerError(code, 'meta is away')).code).toBe(75);
  });
});
