// Backlog reads at the journal: by filters up to the most that a session may have, by exact places, in slices of the loop
// (rules N6, N8, N13, X2).

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { batchHeader, pickRecords, RecordBatchBuilder } from '@robustmq/record-batch';
import { BacklogReadSchema } from '@robustmq/rpc';
import { systemTimers } from '@robustmq/runtime';
import { readBacklog, type BacklogHost } from '../src/read/backlog.ts';
import { ReadTurns } from '../src/shard/read-turns.ts';
import type { Shard } from '../src/shard/shard.ts';
import type { StreamFacts } from '../src/shard/stream-facts.ts';
import { recordsOf } from './records.ts';

const STREAM: StreamFacts = {
  streamId: 1,
  tenant: 't',
  name: 'mqtt',
  topicId: 'topic-1',
  mqttFilter: '',
  ownsRest: true,
  config: {},
};

/** A log in memory; every read of it costs a tenth of a millisecond. */
class FakeShard {
  readonly streamId = 1;
  readonly shard = 0;
  readonly leaderEpoch = 3;
  readonly stream = STREAM;
  highWatermark = 0;
  reads = 0;
  readonly #batches: { readonly last: number; readonly bytes: Buffer }[] = [];
  readonly log = {
    logStartOffset: 0,
    read: ({ fromOffset, maxBytes }: { fromOffset: number; maxBytes: number }): Promise<Buffer> => {
      this.reads++;
      workedMs += 0.1;
      const at = this.#indexOf(fromOffset);
      const found: Buffer[] = [];
      for (let size = 0, next = at; next >= 0 && next < this.#batches.length; next++) {
        const { bytes } = this.#batches[next]!;
        if (found.length > 0 && size + bytes.length > maxBytes) break;
        found.push(bytes);
        size += bytes.length;
      }
      return Promise.resolve(Buffer.concat(found));
    },
  };

  leaderFor(): void {
    // It leads.
  }

  /** The batch that holds the offset, or the first behind a gap; -1 if there is none. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#batches[middle]!.last < offset) low = middle + 1;
      else high = middle;
    }
    return low < this.#batches.length ? low : -1;
  }

  append(topics: readonly string[], attributes = 0): void {
    const builder = new RecordBatchBuilder();
    for (const topic of topics) builder.append(1, topic, Buffer.from(`at ${this.highWatermark++}`));
    const baseOffset = this.highWatermark - topics.length;
    this.add(builder.finishCopy({ baseOffset, attributes }), this.highWatermark - 1);
  }

  add(bytes: Buffer, last: number): void {
    this.#batches.push({ last, bytes });
    this.highWatermark = last + 1;
  }
}

let shard: FakeShard;
let workedMs: number;
let host: BacklogHost;

beforeEach(() => {
  shard = new FakeShard();
  workedMs = 0;
  host = {
    index: undefined,
    turns: new ReadTurns({ monotonicMs: () => workedMs }, systemTimers),
    readFailed: () => undefined,
  };
});

async function read(fields: {
  filters?: string[];
  offsets?: number[];
  maxRecords?: number;
  fromOffset?: number;
}) {
  const { filters = [], offsets = [], maxRecords = 10_000, fromOffset = 0 } = fields;
  const request = create(BacklogReadSchema, {
    readId: 1n,
    leaderEpoch: -1,
    fromOffset: BigInt(fromOffset),
    toOffset: -1n,
    maxBytes: 1 << 20,
    maxRecords,
    filters,
    offsets: offsets.map(BigInt),
  });
  const { outcome, pieces } = await readBacklog(shard as unknown as Shard, request, host);
  return {
    failure: outcome.failure?.code,
    next: Number(outcome.nextOffset),
    pieces,
    offsets: pieces
      .filter((piece) => batchHeader.codec(piece, 0) === 0)
      .flatMap((piece) => recordsOf(piece).map(({ offset }) => offset)),
  };
}

describe('by places (N6)', () => {
  test('the records at the places, whatever their topics are', async () => {
    for (let each = 0; each < 10; each++) shard.append(['a', 'b', 'c']);
    const found = await read({ offsets: [0, 2, 3, 17, 29] });
    expect(found).toMatchObject({ offsets: [0, 2, 3, 17, 29], next: 30 });
    // Places in one batch are one read of the log.
    expect(shard.reads).toBe(4);
  });

  test('a full answer says where to go on', async () => {
    shard.append(Array.from({ length: 50 }, () => 'a'));
    for (let each = 0; each < 50; each++) shard.append(['a']);
    const places = Array.from({ length: 40 }, (_, at) => 2 * at + 20);
    const seen: number[] = [];
    for (let left = places; left.length > 0;) {
      const { offsets, next } = await read({ offsets: left, maxRecords: 7 });
      seen.push(...offsets);
      left = left.filter((place) => place >= next);
    }
    expect(seen).toEqual(places);
  });

  test('what retention, compaction or nobody left is accounted for, what is not committed is not', async () => {
    shard.append(['a', 'b']);
    const sparse = new RecordBatchBuilder();
    for (const topic of ['c', 'd', 'e']) sparse.append(1, topic, Buffer.from(topic));
    shard.add(pickRecords(sparse.finishCopy({ baseOffset: 2 }), 0, [0, 2]), 4);
    // 5..9 are gone with the batch that held them.
    shard.highWatermark = 10;
    shard.append(['f']);
    shard.log.logStartOffset = 1;
    expect(await read({ offsets: [0, 1, 2, 3, 4, 6, 10, 11, 12] })).toMatchObject({
      offsets: [1, 2, 4, 10],
      next: 11,
    });
  });

  test('a compressed batch comes whole, a control batch never', async () => {
    shard.append(['a', 'b']);
    shard.append(['c', 'd'], 1);
    shard.append(['e', 'f'], 0x20);
    const { pieces, next } = await read({ offsets: [1, 3, 4] });
    expect([pieces.length, next]).toEqual([2, 5]);
    expect(pieces[1]!.readBigInt64BE(0)).toBe(2n);
  });

  test.each([
    ['descending', [5, 4], []],
    ['twice', [5, 5], []],
    ['negative', [-1], []],
    ['beside filters', [1], ['#']],
    ['too many', Array.from({ length: 65_537 }, (_, at) => at), []],
  ])('refuses places %s', async (_name, offsets, filters) => {
    shard.append(['a']);
    expect((await read({ offsets, filters })).failure).toBe('invalid_argument');
  });

  test('N8, N13: as many places as a session can have in flight yield between slices', async () => {
    for (let each = 0; each < 65_536; each++) shard.append(['a']);
    const longest = await longestTurn(async () => {
      const places = Array.from({ length: 65_536 }, (_, at) => at);
      for (let left = places; left.length > 0;) {
        const { next } = await read({ offsets: left });
        left = left.filter((place) => place >= next);
      }
    });
    expect(longest).toBeLessThanOrEqual(5.2);
  });
});

/** Runs work and answers the most that it took of one turn of the loop. */
async function longestTurn(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let before = workedMs;
  let isOver = false;
  const turn = (): void => {
    longest = Math.max(longest, workedMs - before);
    before = workedMs;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return longest;
}

describe('by filters', () => {
  test('N13: a session with 10,000 filters gets its backlog, one with more hears why not', async () => {
    for (let each = 0; each < 20; each++) shard.append([`device/${each * 1_000}`, 'other/topic']);
    const filters = Array.from({ length: 10_000 }, (_, each) =>
      each % 2 === 0 ? `device/${each}` : `device/${each}/+`,
    );
    expect((await read({ filters })).offsets).toEqual(Array.from({ length: 10 }, (_, each) => 2 * each));
    expect((await read({ filters: [...filters, 'one/more'] })).failure).toBe('invalid_argument');
  });

  test('N8: 64 sessions that follow 4,096 postings each leave the loop to others', async () => {
    for (let each = 0; each < 4_096; each++) shard.append(['a']);
    const offsets = Array.from({ length: 4_096 }, (_, at) => at);
    host = {
      ...host,
      index: { offsetsOf: () => Promise.resolve({ kind: 'offsets', offsets, complete: 4_096 }) },
    };
    let records = 0;
    const longest = await longestTurn(async () => {
      const all = Array.from({ length: 64 }, () => read({ filters: ['a'] }));
      for (const { offsets: found } of await Promise.all(all)) records += found.length;
    });
    expect(records).toBe(64 * 4_096);
    // Of the 26,000 ms that they take together.
    expect(longest).toBeLessThanOrEqual(5.2);
  });

  test('X2: what the postings make it read counts as read', async () => {
    const large = 'x'.repeat(64 * 1024);
    for (let each = 0; each < 300; each++) {
      const builder = new RecordBatchBuilder();
      builder.append(1, 'a', Buffer.from('small'));
      builder.append(1, 'b', Buffer.from(large));
      shard.add(builder.finishCopy({ baseOffset: 2 * each }), 2 * each + 1);
    }
    const offsets = Array.from({ length: 300 }, (_, at) => 2 * at);
    host = {
      ...host,
      index: { offsetsOf: () => Promise.resolve({ kind: 'offsets', offsets, complete: 600 }) },
    };
    const first = await read({ filters: ['a'] });
    // 8 MiB of the log, 64 KiB each.
    expect(first.offsets.length).toBeLessThanOrEqual(129);
    expect(first.next).toBe(2 * first.offsets.length);
    const rest: number[] = [...first.offsets];
    for (let next = first.next; next < 600;) {
      const more = await read({ filters: ['a'], fromOffset: next });
      rest.push(...more.offsets);
      next = more.next;
    }
    expect(rest).toEqual(offsets);
  });

  test('a filter that is none is refused, a shard that is not led here too', async () => {
    expect((await read({ filters: ['a#'] })).failure).toBe('invalid_argument');
    const away = new BrokerError('not_leader', 'elsewhere');
    const { outcome } = await readBacklog(away, create(BacklogReadSchema, {}), host);
    expect(outcome.failure?.code).toBe('not_leader');
  });
});
