import { spawn } from 'node:child_process';
import type { writeSync } from 'node:fs';
import fc from 'fast-check';
import { LogSink } from '../src/log-sink.ts';

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new RangeError(code), { code });
}

/** A descriptor that takes what `plan` says: a number of bytes, or an error code; then everything. */
function descriptor(plan: (number | string)[]): {
  text: () => string;
  sizes: number[];
  writeSync: typeof writeSync;
} {
  const taken: Buffer[] = [];
  const sizes: number[] = [];
  const take = (_fd: number, bytes: Buffer): number => {
    const step = plan.shift() ?? bytes.length;
    if (typeof step === 'string') throw failure(step);
    const piece = Buffer.from(bytes.subarray(0, step));
    sizes.push(piece.length);
    taken.push(piece);
    return piece.length;
  };
  return {
    text: () => Buffer.concat(taken).toString(),
    sizes,
    writeSync: take as unknown as typeof writeSync,
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Runs log-exit.fixture.ts and reads all of its output, only the first piece, or nothing while it runs. */
function runFixture(reader: 'all' | 'first' | 'none'): Promise<{ code: number | null; lines: string[] }> {
  const child = spawn(process.execPath, ['--no-warnings', require.resolve('./log-exit.fixture.ts')], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 15_000,
    killSignal: 'SIGKILL',
  });
  const chunks: Buffer[] = [];
  if (reader !== 'none') {
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (reader === 'first') child.stdout.destroy();
    });
  }
  return new Promise((resolve) => {
    child.on(reader === 'none' ? 'exit' : 'close', (code) => {
      child.stdout.destroy();
      resolve({ code, lines: Buffer.concat(chunks).toString().trimEnd().split('\n') });
    });
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

  it('writes the lines of one turn at once', async () => {
    const fake = descriptor([]);
    const sink = new LogSink({ fd: 1, maxWaitingBytes: 1e6, ...fake });
    for (let index = 0; index < 100; index++) sink.write('1234');
    await until(() => fake.sizes.length > 0);
    expect(fake.sizes).toEqual([400]);
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

  it.each(['ENOSPC', 'EDQUOT'])('L6: goes on once the disk has room again: %s', async (code) => {
    const fake = descriptor([2, code, code]);
    const sink = new LogSink({ fd: 1, maxWaitingBytes: 100, ...fake });
    sink.write('first ');
    await until(() => fake.text() === 'fi');
    sink.write('second');
    await until(() => fake.text() === 'first second');
    expect(sink.droppedLines).toBe(0);
  });

  it.each<[string, (number | string)[], string]>([
    ['all', [], 'last words'],
    ['short writes and a full pipe', [3, 'EAGAIN', 2], 'last words'],
    ['nobody there', ['EPIPE'], ''],
    ['a disk without room', ['ENOSPC', 'ENOSPC'], ''],
    ['a reader that never reads', new Array<string>(500).fill('EAGAIN'), ''],
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
    const { code, lines } = await runFixture('all');
    expect(code).toBe(7);
    const indices = lines.map((line) => (JSON.parse(line) as { index: number }).index);
    expect(indices).toEqual(Array.from({ length: 2500 }, (_, index) => index));
  });

  it('ends although the reader of its log is gone', async () => {
    expect((await runFixture('first')).code).toBe(7);
  });

  it('neither stops nor stays for a reader that does not read', async () => {
    expect((await runFixture('none')).code).toBe(7);
  });
});
