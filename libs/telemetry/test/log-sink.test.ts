import { spawn } from 'node:child_process';
import type { write, writeSync } from 'node:fs';
import fc from 'fast-check';
import { LogSink } from '../src/log-sink.ts';

type WriteCallback = (error: NodeJS.ErrnoException | null, written: number) => void;

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new RangeError(code), { code });
}

/** A descriptor that takes what `plan` says: a number of bytes, or an error code. */
function descriptor(plan: (number | string)[]): {
  text: () => string;
  write: typeof write;
  writeSync: typeof writeSync;
} {
  const taken: Buffer[] = [];
  const take = (bytes: Buffer, start: number, length: number): number => {
    const step = plan.shift() ?? length;
    if (typeof step === 'string') throw failure(step);
    const written = Math.min(step, length);
    taken.push(Buffer.from(bytes.subarray(start, start + written)));
    return written;
  };
  const writeFake = (
    _fd: number,
    bytes: Buffer,
    start: number,
    length: number,
    _at: null,
    done: WriteCallback,
  ): void => {
    setImmediate(() => {
      try {
        done(null, take(bytes, start, length));
      } catch (error) {
        done(error as NodeJS.ErrnoException, 0);
      }
    });
  };
  const writeSyncFake = (_fd: number, bytes: Buffer, start: number, length: number): number =>
    take(bytes, start, length);
  return {
    text: () => Buffer.concat(taken).toString(),
    write: writeFake as unknown as typeof write,
    writeSync: writeSyncFake as unknown as typeof writeSync,
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Runs log-exit.fixture.ts and reads its output, all of it or only the first piece. */
function runFixture(readsAll: boolean): Promise<{ code: number | null; lines: string[] }> {
  const child = spawn(process.execPath, ['--no-warnings', require.resolve('./log-exit.fixture.ts')], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 15_000,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (!readsAll) child.stdout.destroy();
  });
  return new Promise((resolve) => {
    child.on('close', (code) =>
      resolve({ code, lines: Buffer.concat(chunks).toString().trimEnd().split('\n') }),
    );
  });
}

describe('LogSink', () => {
  it('writes every line once and in order, through short writes and full pipes', async () => {
    const anyStep = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant('EAGAIN'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme' })),
        fc.array(anyStep, { maxLength: 4 }),
        async (lines, plan) => {
          const fake = descriptor(plan);
          const sink = new LogSink({ fd: 1, maxWaitingBytes: 1e6, ...fake });
          const expected = lines.join('');
          lines.forEach((line) => sink.write(line));
          await until(() => fake.text() === expected);
          sink.write('later');
          await until(() => fake.text() === `${expected}later`);
          expect(sink.droppedLines).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('I8: drops and counts what a slow reader leaves over', () => {
    const sink = new LogSink({ fd: 1, maxWaitingBytes: 10, ...descriptor([]) });
    for (let index = 0; index < 5; index++) sink.write('1234');
    expect(sink.droppedLines).toBe(3);
  });

  it('goes quiet when nobody reads any more', async () => {
    const fake = descriptor(['EPIPE']);
    const sink = new LogSink({ fd: 1, maxWaitingBytes: 100, ...fake });
    sink.write('a');
    await until(() => {
      sink.write('b');
      return sink.droppedLines > 1;
    });
    sink.flushSync();
    expect(fake.text()).toBe('');
  });

  it.each<[string, (number | string)[], string]>([
    ['all', [], 'last words'],
    ['short writes and a full pipe', [3, 'EAGAIN', 2], 'last words'],
    ['nobody there', ['EPIPE'], ''],
    ['a reader that never reads', new Array<string>(100).fill('EAGAIN'), ''],
  ])('flushes at exit: %s', (_name, plan, expected) => {
    const fake = descriptor(plan);
    const sink = new LogSink({ fd: 1, maxWaitingBytes: 100, ...fake });
    sink.write('last words');
    sink.flushSync();
    sink.flushSync();
    expect(fake.text()).toBe(expected);
  });
});

describe('a process that exits', () => {
  it('has written every line', async () => {
    const { code, lines } = await runFixture(true);
    expect(code).toBe(7);
    expect(lines.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual(
      Array.from({ length: 2500 }, (_, index) => index),
    );
  });

  it('ends although the reader of its log is gone', async () => {
    expect((await runFixture(false)).code).toBe(7);
  });
});
