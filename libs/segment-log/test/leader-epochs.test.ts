// Leader epochs against the epoch of every single record (KIP-101, KIP-279): what is said of an epoch's end is where a
// follower, or a reader with a place of that epoch, has to go back to.

import fc from 'fast-check';
import { LeaderEpochs } from '../src/leader-epochs.ts';

type Step =
  | { readonly kind: 'write'; readonly records: number; readonly isNewEpoch: boolean }
  | { readonly kind: 'truncate' | 'advance'; readonly share: number };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      records: fc.integer({ min: 1, max: 4 }),
      isNewEpoch: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('truncate' as const, 'advance' as const), share }),
  },
);

/** Epochs of the records that a log holds, by offset, and where it begins. */
interface Records {
  epochs: number[];
  startOffset: number;
}

function run(steps: readonly Step[]): { readonly log: LeaderEpochs; readonly records: Records } {
  const log = new LeaderEpochs();
  const records: Records = { epochs: [], startOffset: 0 };
  let epoch = 3;
  for (const each of steps) {
    const { epochs, startOffset } = records;
    if (each.kind === 'write') {
      if (each.isNewEpoch) epoch += 2;
      log.assign(epoch, epochs.length);
      for (let i = 0; i < each.records; i++) epochs.push(epoch);
      continue;
    }
    const offset = startOffset + Math.floor(each.share * (epochs.length - startOffset));
    if (each.kind === 'truncate') {
      log.truncateTo(offset);
      records.epochs = epochs.slice(0, offset);
      // Who cuts a log leads it under a new epoch.
      epoch += 2;
    } else {
      log.advanceStart(offset);
      records.startOffset = offset;
    }
  }
  // The last epoch is kept while nothing follows it, though all its records are gone; retention looks again and again.
  log.advanceStart(records.startOffset);
  return { log, records };
}

const anySteps = fc.array(step, { minLength: 1, maxLength: 25, size: 'max' });

test('every record has the epoch that it was written under', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { log, records } = run(steps);
      for (let offset = records.startOffset; offset < records.epochs.length; offset++)
        expect([offset, log.at(offset)]).toEqual([offset, records.epochs[offset]]);
      expect(LeaderEpochs.decode(log.encode().toString()).list()).toEqual(log.list());
    }),
    { numRuns: 200 },
  );
});

test('an epoch ends where the first record of a later one lies, whatever was cut and deleted (X4, R4)', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { log, records } = run(steps);
      const { epochs, startOffset } = records;
      if (startOffset >= epochs.length) return;
      const newest = epochs.at(-1)!;
      for (let asked = 0; asked <= newest + 2; asked++) {
        const later = epochs.findIndex(
          (epoch, offset) => epoch > asked && isKept(epochs, epoch, startOffset, offset),
        );
        const expected = asked > newest ? -1 : asked === newest ? epochs.length : later;
        expect([asked, log.endOffsetFor(asked, epochs.length).endOffset]).toEqual([asked, expected]);
      }
    }),
    { numRuns: 200 },
  );
});

/** Whether the log still knows an epoch: any of its records is at or behind the log start. */
function isKept(epochs: readonly number[], epoch: number, startOffset: number, offset: number): boolean {
  return offset >= startOffset || epochs.lastIndexOf(epoch) >= startOffset;
}
