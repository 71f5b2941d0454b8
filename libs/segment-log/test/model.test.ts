// A log against a list of batches: whatever was appended, cut, rolled, deleted, checkpointed and lost with the process, reads
// answer what the list says (I1, L3, L4, R4).

import { NodeDisk } from '@robustmq/commit-log';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import fc from 'fast-check';
import type { SegmentLogCheckpoint } from '../src/log-checkpoint.ts';
import { SegmentLog } from '../src/segment-log.ts';
import { batch, scratchDirectory } from './batches.ts';

type Step =
  | {
      readonly kind: 'append';
      readonly records: number;
      readonly valueBytes: number;
      readonly timeMs: number;
    }
  | { readonly kind: 'truncate' | 'advance' | 'read'; readonly share: number }
  | { readonly kind: 'seek'; readonly timeMs: number }
  | { readonly kind: 'roll' | 'checkpoint' | 'delete' | 'crash' | 'epoch' };

interface Held {
  readonly baseOffset: number;
  readonly bytes: Buffer;
  /** Of the first record; the others follow by a millisecond each. */
  readonly timeMs: number;
  readonly records: number;
}

/** What the log should hold. */
interface State {
  readonly held: readonly Held[];
  readonly endOffset: number;
  readonly startOffset: number;
}

const EMPTY: State = { held: [], endOffset: 0, startOffset: 0 };
const CONFIG = { segmentBytes: 20_000 };
const share = fc.double({ min: 0, max: 1, noNaN: true });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      records: fc.integer({ min: 1, max: 4 }),
      valueBytes: fc.constantFrom(10, 300, 5_000),
      timeMs: fc.integer({ min: 0, max: 500 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('truncate' as const, 'advance' as const, 'read' as const),
      share,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('seek' as const), timeMs: fc.integer({ min: 0, max: 510 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...(['roll', 'checkpoint', 'checkpoint', 'delete', 'crash', 'epoch'] as const).map((kind) => ({
        kind,
      })),
    ),
  },
);

/** A log, the list beside it, and what a recovery needs: the last checkpoint and what came after. */
class Pair {
  readonly #directory: string;
  #log: SegmentLog;
  #state: State = EMPTY;
  #checkpoint: { readonly record: SegmentLogCheckpoint | undefined; readonly state: State } = {
    record: undefined,
    state: EMPTY,
  };
  /** What the commit log holds behind the checkpoint. */
  #replay: (() => void)[] = [];
  #epoch = 0;

  constructor(directory: string) {
    this.#directory = directory;
    this.#log = SegmentLog.open(new NodeDisk(), directory, CONFIG, undefined);
  }

  close(): void {
    this.#log.close();
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
        return this.#do(() => this.#append(this.#made(step)));
      case 'truncate': {
        // The commit log says where, and always a boundary.
        const offset = this.#log.truncationPoint(this.#offsetAt(step.share));
        this.#do(() => this.#truncate(offset));
        return this.#checkTimes();
      }
      case 'advance': {
        const offset = this.#offsetAt(step.share);
        return this.#do(() => this.#advance(offset));
      }
      case 'epoch':
        this.#epoch++;
        return undefined;
      case 'roll':
        return this.#log.roll();
      case 'delete':
        await this.#log.deleteSegments();
        return undefined;
      case 'checkpoint':
        return this.#makeCheckpoint();
      case 'crash':
        return this.#crash();
      case 'read':
        return this.#read(this.#offsetAt(step.share));
      case 'seek':
        return this.#seek(step.timeMs);
    }
  }

  #do(change: () => void): void {
    change();
    this.#replay.push(change);
  }

  #offsetAt(part: number): number {
    const from = this.#state.startOffset;
    return from + Math.floor(part * (this.#state.endOffset - from));
  }

  #made({ records, valueBytes, timeMs }: Extract<Step, { kind: 'append' }>): Held {
    const baseOffset = this.#state.endOffset;
    const values = Array.from({ length: records }, (_, i) => `${baseOffset + i}`.padEnd(valueBytes, '.'));
    return { baseOffset, records, timeMs, bytes: batch(baseOffset, values, timeMs, this.#epoch) };
  }

  #append(made: Held): void {
    this.#log.append(made.bytes);
    const endOffset = made.baseOffset + made.records;
    this.#state = { ...this.#state, held: [...this.#state.held, made], endOffset };
  }

  #truncate(offset: number): void {
    this.#log.truncateTo(offset);
    const held = this.#state.held.filter(({ baseOffset }) => baseOffset < offset);
    const startOffset = Math.min(this.#state.startOffset, offset);
    this.#state = { held, endOffset: Math.min(this.#state.endOffset, offset), startOffset };
  }

  #advance(offset: number): void {
    this.#log.advanceLogStart(Math.min(offset, this.#log.logEndOffset));
    this.#state = { ...this.#state, startOffset: Math.max(this.#state.startOffset, offset) };
  }

  async #makeCheckpoint(): Promise<void> {
    const pending = this.#log.prepareCheckpoint();
    this.#checkpoint = { record: pending.record, state: this.#state };
    this.#replay = [];
    await pending.sync();
    this.#log.checkpointed(pending.record);
  }

  /** The process is gone; the next one has the checkpoint and the commit log behind it. */
  #crash(): void {
    const { record, state } = this.#checkpoint;
    this.#log.close();
    this.#log = SegmentLog.open(new NodeDisk(), this.#directory, CONFIG, record);
    this.#state = state;
    for (const change of this.#replay) change();
    if (record !== undefined) this.#log.finishRecovery();
  }

  async #read(fromOffset: number): Promise<void> {
    const range = { fromOffset, upToOffset: Infinity, maxBytes: 2_000 };
    const found = await this.#log.read(range);
    const wanted = this.#state.held.filter(({ baseOffset, records }) => baseOffset + records > fromOffset);
    let sizeBytes = 0;
    const expected = wanted.filter(({ bytes }, i) => {
      sizeBytes += bytes.length;
      return i === 0 || sizeBytes <= range.maxBytes;
    });
    const ends: number[] = [];
    for (let at = 0; at < found.length; at += completeBatchBytes(found, at, found.length))
      ends.push(batchHeader.lastOffset(found, at));
    // A read ends with its segment at the latest: never fewer than one batch, never others.
    const [first, ...more] = expected.map(({ baseOffset, records }) => baseOffset + records - 1);
    expect(ends).toEqual(
      [first, ...more].slice(0, Math.max(ends.length, 1)).filter((end) => end !== undefined),
    );
    expect(found.equals(Buffer.concat(expected.slice(0, ends.length).map(({ bytes }) => bytes)))).toBe(true);
  }

  async #seek(timeMs: number): Promise<void> {
    const { held, startOffset } = this.#state;
    let expected: number | undefined;
    for (const { baseOffset, records, timeMs: firstMs } of held) {
      const index = Array.from({ length: records }, (_, i) => i).find(
        (i) => firstMs + i >= timeMs && baseOffset + i >= startOffset,
      );
      if (index === undefined) continue;
      expected = baseOffset + index;
      break;
    }
    expect((await this.#log.offsetForTimestamp(timeMs))?.offset).toBe(expected);
  }

  /** Searches by time and retention pass over segments by the highest time that they say. */
  #checkTimes(): void {
    const segments = this.#log.describeSegments();
    for (const [index, { baseOffset: from, maxTimestampMs }] of segments.entries()) {
      const to = segments[index + 1]?.baseOffset ?? Infinity;
      const own = this.#state.held.filter(({ baseOffset }) => baseOffset >= from && baseOffset < to);
      expect(maxTimestampMs).toBe(Math.max(-1, ...own.map(({ timeMs, records }) => timeMs + records - 1)));
    }
  }

  /** All of it. */
  async check(): Promise<void> {
    const { held, endOffset, startOffset } = this.#state;
    expect([this.#log.logEndOffset, this.#log.logStartOffset]).toEqual([endOffset, startOffset]);
    const found: string[] = [];
    for (let fromOffset = startOffset; fromOffset < endOffset;) {
      const bytes = await this.#log.read({ fromOffset, upToOffset: endOffset, maxBytes: 4_000 });
      expect(bytes.length).toBeGreaterThan(0);
      for (let at = 0; at < bytes.length;) {
        const sizeBytes = completeBatchBytes(bytes, at, bytes.length);
        found.push(bytes.toString('hex', at, at + sizeBytes));
        fromOffset = batchHeader.lastOffset(bytes, at) + 1;
        at += sizeBytes;
      }
    }
    const wanted = held.filter(({ baseOffset, records }) => baseOffset + records > startOffset);
    expect(found).toEqual(wanted.map(({ bytes }) => bytes.toString('hex')));
  }
}

test('a log is the list of its batches, over crashes as well', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), async (steps) => {
      const { directory, remove } = scratchDirectory();
      const pair = new Pair(`${directory}/1-0`);
      try {
        for (const each of steps) await pair.take(each);
        await pair.check();
        await pair.take({ kind: 'crash' });
        await pair.check();
        for (let timeMs = 0; timeMs < 510; timeMs += 7) await pair.take({ kind: 'seek', timeMs });
      } finally {
        pair.close();
        remove();
      }
    }),
    { numRuns: 80 },
  );
}, 180_000);
