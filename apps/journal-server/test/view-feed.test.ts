// Views of shards (rule X1): each batch below HW once, in the order of the log, from memory or from the segments; what a view
// can't take costs speed, never order.

import { BrokerError } from '@robustmq/errors';
import { batchHeader } from '@robustmq/record-batch';
import { drained } from '@robustmq/testkit';
import { ReadTurns } from '../src/shard/read-turns.ts';
import type { Shard } from '../src/shard/shard.ts';
import type { StreamFacts } from '../src/shard/stream-facts.ts';
import { ViewFeed, type LogView, type ViewKind } from '../src/views/view-feed.ts';
import { batchOf } from './records.ts';
import { WritePath } from './write-path.ts';

const VISIBLE: StreamFacts = {
  streamId: 1,
  topicId: 'topic-1',
  tenant: 'default',
  name: 'mqtt',
  mqttFilter: '',
  ownsRest: true,
  config: {},
};

/** Notes what it is fed. */
class NotingView implements LogView {
  nextOffset: number;
  failed = false;
  readonly events: string[] = [];

  constructor(nextOffset: number) {
    this.nextOffset = nextOffset;
  }

  add(batch: Buffer): void {
    expect(batchHeader.baseOffset(batch, 0)).toBe(this.nextOffset);
    this.nextOffset = batchHeader.lastOffset(batch, 0) + 1;
    this.events.push(`add ${batchHeader.baseOffset(batch, 0)}`);
  }

  skipTo(offset: number): void {
    if (offset <= this.nextOffset) return;
    this.nextOffset = offset;
    this.events.push(`skip to ${offset}`);
  }

  deleteBelow(logStartOffset: number): Promise<void> {
    this.events.push(`delete below ${logStartOffset}`);
    return Promise.resolve();
  }

  drop(): Promise<void> {
    this.events.push('drop');
    return Promise.resolve();
  }

  settled(): Promise<void> {
    this.events.push('settled');
    return Promise.resolve();
  }
}

class NotingKind implements ViewKind<NotingView> {
  readonly name = 'a view';
  /** What the store says each view has. */
  stored = 0;
  failure: BrokerError | undefined;
  gate = Promise.resolve();
  grew = 0;
  closed = 0;
  readonly forgotten: number[] = [];
  readonly made: NotingView[] = [];

  wants(stream: StreamFacts): boolean {
    return stream.name === 'mqtt';
  }

  async open(): Promise<NotingView> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    const view = new NotingView(this.stored);
    this.made.push(view);
    return view;
  }

  grown(): void {
    this.grew++;
  }

  forget(streamId: number): Promise<void> {
    this.forgotten.push(streamId);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

let path: WritePath;
let shard: Shard;
let kind: NotingKind;
let feed: ViewFeed<NotingView>;
const warned: string[] = [];

beforeEach(() => {
  warned.length = 0;
  path = new WritePath();
  shard = path.leading();
  shard.describe(VISIBLE);
  kind = new NotingKind();
  const log = { warn: (_fields: object, message: string) => void warned.push(message) };
  feed = new ViewFeed(kind, log, new ReadTurns(path.clock, path.clock));
  path.onCommitted = (of, batches) => feed.committed(of, batches);
});

/** Appends batches of so many records, each committed by itself. */
async function append(...records: number[]): Promise<void> {
  for (const count of records) {
    path.append(
      shard,
      0,
      batchOf(
        Array.from({ length: count }, () => 'x'),
        { key: 'a/b' },
      ),
    );
    await path.sync();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await drained();
    await path.turn();
  }
}

const events = (): readonly string[] => feed.viewOf(shard)!.events;

test('a view that keeps up is fed from memory', async () => {
  feed.attach(shard);
  await settle();
  await append(2, 1, 3);
  expect([events(), kind.grew]).toEqual([['add 0', 'add 2', 'add 3'], 3]);
});

test('one that begins late reads the log first, and goes on from memory', async () => {
  await append(2, 1);
  kind.made.length = 0;
  const late = new ViewFeed(kind, { warn: () => undefined }, new ReadTurns(path.clock, path.clock));
  late.attach(shard);
  await settle();
  path.onCommitted = (of, batches) => late.committed(of, batches);
  await append(1);
  expect(late.viewOf(shard)!.events).toEqual(['add 0', 'add 2', 'add 3']);
});

test('one that has part of it stored goes on behind that', async () => {
  kind.stored = 2;
  await append(2, 1);
  await settle();
  expect(events()).toEqual(['add 2']);
});

test('what is committed while the view opens is read from the log, once and in order', async () => {
  const gate = Promise.withResolvers<undefined>();
  kind.gate = gate.promise;
  feed.attach(shard);
  await append(1, 1);
  expect(feed.viewOf(shard)).toBeUndefined();
  gate.resolve(undefined);
  await settle();
  await append(1);
  expect(events()).toEqual(['add 0', 'add 1', 'add 2']);
});

test('what was let go from memory is a gap that the segments fill', async () => {
  feed.attach(shard);
  await settle();
  await append(1);
  path.onCommitted = undefined;
  await append(1, 1);
  path.onCommitted = (of, batches) => feed.committed(of, batches);
  await append(1);
  await settle();
  expect(events()).toEqual(['add 0', 'add 1', 'add 2', 'add 3']);
});

test('what retention took is skipped, and let go once', async () => {
  await append(3, 1);
  await settle();
  await feed.retain();
  const raised = path.commits.advanceLogStart(shard, 3);
  await path.sync();
  await raised;
  await feed.retain();
  await feed.retain();
  expect(events()).toEqual(['add 0', 'add 3', 'delete below 3']);
  const late = new ViewFeed(kind, { warn: () => undefined }, new ReadTurns(path.clock, path.clock));
  late.attach(shard);
  await settle();
  expect(late.viewOf(shard)!.events).toEqual(['skip to 3', 'add 3']);
});

test('streams that the kind does not want have no view', async () => {
  shard.describe({ ...VISIBLE, name: 'orders', ownsRest: false });
  feed.attach(shard);
  await append(1);
  await settle();
  expect([feed.viewOf(shard), kind.made]).toEqual([undefined, []]);
});

test('a view that failed is fed no more, the shard goes on', async () => {
  feed.attach(shard);
  await settle();
  await append(1);
  feed.viewOf(shard)!.failed = true;
  await append(1);
  await settle();
  expect([events(), path.committed]).toEqual([['add 0'], [0, 1]]);
});

test('damage in the log where it would go on is met and said once, whatever is committed behind it', async () => {
  path.onCommitted = undefined;
  await append(1);
  let reads = 0;
  shard.log.read = () => {
    reads++;
    return Promise.reject(new BrokerError('corrupt', 'CRC-32C mismatch'));
  };
  const late = new ViewFeed(
    kind,
    { warn: (_fields, message) => void warned.push(message) },
    new ReadTurns(path.clock, path.clock),
  );
  path.onCommitted = (of, batches) => late.committed(of, batches);
  for (let commit = 0; commit < 3; commit++) {
    await append(1);
    await settle();
  }
  expect([late.viewOf(shard)!.events, reads, warned]).toEqual([[], 1, ['a view stays behind']]);
});

test('a read that failed for the moment is tried again with the next commit', async () => {
  path.onCommitted = undefined;
  await append(1);
  const read = shard.log.read.bind(shard.log);
  shard.log.read = () => Promise.reject(new BrokerError('storage_failed', 'EIO'));
  const late = new ViewFeed(kind, { warn: () => undefined }, new ReadTurns(path.clock, path.clock));
  late.attach(shard);
  await settle();
  shard.log.read = read;
  path.onCommitted = (of, batches) => late.committed(of, batches);
  await append(1);
  await settle();
  expect(late.viewOf(shard)!.events).toEqual(['add 0', 'add 1']);
});

test('a view that can not be opened is said once, the shard goes on', async () => {
  kind.failure = new BrokerError('storage_failed', 'no store');
  feed.attach(shard);
  await settle();
  await append(1);
  await settle();
  expect([feed.viewOf(shard), warned, path.committed]).toEqual([undefined, ['a view not usable'], [0]]);
});

test('a deleted shard takes its view with it, also one that is still being opened', async () => {
  feed.attach(shard);
  await settle();
  const view = feed.viewOf(shard)!;
  await feed.drop(shard);
  expect([view.events, feed.viewOf(shard)]).toEqual([['drop'], undefined]);
  const gate = Promise.withResolvers<undefined>();
  kind.gate = gate.promise;
  feed.attach(shard);
  await feed.drop(shard);
  gate.resolve(undefined);
  await settle();
  expect(kind.made.at(-1)!.events).toEqual(['drop']);
});

test('closing waits for every view, then for the store; nothing is fed after it', async () => {
  feed.attach(shard);
  await settle();
  await feed.close();
  await append(1);
  expect([events(), kind.closed]).toEqual([['settled'], 1]);
});

test('N2: deleted streams are forgotten one by one, whether their shards were viewed or not', async () => {
  feed.attach(shard);
  await settle();
  await feed.forget([1, 9]);
  expect(kind.forgotten).toEqual([1, 9]);
});
