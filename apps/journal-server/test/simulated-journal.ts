// One journal on a simulated disk, with producers that keep a ledger of what was acknowledged and readers that remember
// what they saw. Everything comes from one seed.

import type { CommitLog } from '@robustmq/commit-log';
import { type BrokerError } from '@robustmq/errors';
import {
  baseOffsetOf,
  completeBatchBytes,
  leaderEpochOf,
  RecordBatchBuilder,
  RecordCursor,
} from '@robustmq/record-batch';
import { drained, invariant, Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { Journal, JournalEvents } from '../src/journal.ts';
import type { AppendAnswer, AppendOrigin, AppendRequest } from '../src/pending.ts';
import { openDirectory, type OpenedDirectory } from '../src/recovery.ts';
import type { Shard } from '../src/shard.ts';
import { FakeCluster } from './fake-cluster.ts';
import { DIRECTORY_ID, NODE_ID, REPLICA, SILENT } from './running-journal.ts';

/** Bugs that the simulation must find. */
export type JournalMutant =
  | 'none'
  | 'no fdatasync'
  | 'acknowledge before fdatasync'
  | 'deliver above HW'
  | 'epoch reused after a restart';

const STREAMS = [1, 2, 3];
const PRODUCER_BASE = 1000;
const COMMIT_LOG_BYTES = 64 * 1024;

interface Producer {
  readonly streamId: number;
  readonly producerId: number;
  nextSequence: number;
  /** Sent and not answered, in order; sent again in order after a crash (rule R6). */
  unanswered: Sent[];
}

interface Sent {
  readonly batch: Buffer;
  readonly values: readonly string[];
}

/** A world: run steps, crash, look. */
export class SimulatedJournal {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly disk: SimulatedDisk;
  readonly cluster = new FakeCluster();
  readonly #mutant: JournalMutant;
  readonly #producers: Producer[];
  /** Per stream: offset to value, as acknowledged or read below HW by anyone. */
  readonly #seen = new Map<number, Map<number, string>>(STREAMS.map((streamId) => [streamId, new Map()]));
  readonly #highWatermarks = new Map<number, number>();
  /** `stream/epoch/offset` to the first record ever written under that name, durable or not (rule R3). */
  readonly #names = new Map<string, string>();
  #journal: Journal | undefined;
  #incarnation = 0;
  #values = 0;
  #fatal = false;
  #violation: Error | undefined;
  acknowledged = 0;
  crashes = 0;

  constructor(seed: number, mutant: JournalMutant = 'none') {
    this.random = new Random(seed);
    this.disk = new SimulatedDisk(this.clock, this.random);
    this.#mutant = mutant;
    for (const streamId of STREAMS)
      this.cluster.create(streamId, REPLICA, { config: { 'segment.bytes': '4000' } });
    this.#producers = STREAMS.flatMap((streamId, index) =>
      [0, 1].map((each) => ({
        streamId,
        producerId: PRODUCER_BASE + 2 * index + each,
        nextSequence: 0,
        unanswered: [],
      })),
    );
  }

  async run(steps: number): Promise<void> {
    await this.#start();
    for (let step = 0; step < steps; step++) {
      await this.#act();
      if (this.#violation !== undefined) throw this.#violation;
      if (this.#fatal) await this.#crash('kill');
    }
    await this.#crash('power');
    this.disk.behaviour.syncErrorRate = 0;
    await this.#quiesce();
    if (this.#violation !== undefined) throw this.#violation;
    for (const producer of this.#producers) {
      invariant(producer.unanswered.length === 0, `append of ${producer.producerId} never answered`);
    }
    await this.#readAll();
    await this.#journal?.abandon();
  }

  async #act(): Promise<void> {
    const dice = this.random.fraction();
    if (dice < 0.55) this.#produce();
    else if (dice < 0.8) await this.clock.advance(this.random.between(0, 4));
    else if (dice < 0.9) await this.#readAll();
    else if (dice < 0.95) this.#checkpoint();
    else if (dice < 0.96) this.disk.behaviour.syncErrorRate = this.random.chance(0.5) ? 0.02 : 0;
    else if (dice < 0.97 && this.#mutant !== 'epoch reused after a restart') this.cluster.reelect();
    else if (dice < 0.985) await this.#crash(this.random.chance(0.7) ? 'power' : 'kill');
    await drained();
  }

  #produce(): void {
    const producer = this.random.pick(this.#producers);
    if (producer.unanswered.length >= 5) return;
    const values = Array.from({ length: this.random.between(1, 4) }, () => `v${++this.#values}`);
    const builder = new RecordBatchBuilder();
    for (const value of values)
      builder.append(this.clock.nowMs(), null, Buffer.from(value.padEnd(this.random.between(8, 600), '.')));
    const sent = {
      batch: builder.finishCopy({
        producerId: producer.producerId,
        producerEpoch: 0,
        baseSequence: producer.nextSequence,
      }),
      values,
    };
    producer.nextSequence += values.length;
    producer.unanswered.push(sent);
    this.#send(producer, sent);
  }

  #send(producer: Producer, sent: Sent): void {
    const { streamId } = producer;
    const journal = this.#journal!;
    const request: AppendRequest = {
      origin: this.#originOf(journal, producer, sent),
      correlation: 0,
      streamId,
      shard: 0,
      leaderEpoch: -1,
      acks: -1,
      acknowledgeInMemory: false,
      minRevision: 0,
      traceparent: '',
      deadlineMs: Infinity,
      bytes: Buffer.from(sent.batch),
    };
    journal.submit(request);
  }

  #originOf(journal: Journal, producer: Producer, sent: Sent): AppendOrigin {
    return {
      ownsProducer: (producerId) => producerId >= PRODUCER_BASE,
      answer: (_request, answer) => {
        if (journal === this.#journal) this.#guarded(() => this.#acknowledged(producer, sent, answer));
      },
      refuse: (_request, error: BrokerError) => {
        const afterFailure = ['storage_failed', 'unavailable', 'out_of_order', 'not_leader'];
        const expected = afterFailure.includes(error.code) || journal !== this.#journal;
        this.#guarded(() => invariant(expected, `refused: ${error.code}`));
      },
      flush: () => undefined,
    };
  }

  /** Answers come from within the journal: what they break is thrown by the next step instead. */
  #guarded(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#violation ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  #acknowledged(producer: Producer, sent: Sent, answer: AppendAnswer): void {
    invariant(producer.unanswered[0] === sent, 'answers come in order');
    producer.unanswered.shift();
    this.acknowledged += sent.values.length;
    const seen = this.#seen.get(producer.streamId)!;
    sent.values.forEach((value, index) =>
      this.#see(seen, producer.streamId, answer.baseOffset + index, value),
    );
  }

  #see(seen: Map<number, string>, streamId: number, offset: number, value: string): void {
    const known = seen.get(offset);
    invariant(
      known === undefined || known === value,
      `I2: offset ${offset} of ${streamId} was ${known}, is ${value}`,
    );
    seen.set(offset, value);
  }

  #checkpoint(): void {
    // A failed sync ends the incarnation by itself; a crash leaves the promise open for ever.
    void this.#journal!.checkpointer.checkpoint().catch(() => {
      this.#fatal = true;
    });
  }

  /** Reads what consumers may see and compares it with everything ever seen. */
  async #readAll(): Promise<void> {
    for (const shard of this.#journal!.shards.values()) {
      if (shard.failure !== undefined) continue;
      this.#note(shard);
      const { highWatermark, streamId } = shard;
      const before = this.#highWatermarks.get(streamId) ?? 0;
      invariant(
        highWatermark >= before,
        `I2: HW of ${streamId} went back from ${before} to ${highWatermark}`,
      );
      this.#highWatermarks.set(streamId, highWatermark);
      const seen = this.#seen.get(streamId)!;
      let from = shard.log.logStartOffset;
      while (from < highWatermark) {
        const reading = shard.log.read({ fromOffset: from, upToOffset: highWatermark, maxBytes: 3000 });
        const bytes = await this.clock.settle(reading);
        invariant(bytes.length > 0, `I1: nothing at ${from} of ${streamId} although HW is ${highWatermark}`);
        forEachRecord(bytes, (offset, value) => {
          this.#see(seen, streamId, offset, value);
          from = offset + 1;
        });
      }
      // More may have been committed while the reads ran.
      const committed = shard.highWatermark;
      for (const offset of seen.keys()) {
        invariant(
          offset < committed,
          `I1: offset ${offset} of ${streamId} was acknowledged, HW is ${committed}`,
        );
      }
    }
  }

  /** Notes under which names records were written, also those that no one may see yet. */
  #note(shard: Shard): void {
    for (const pending of shard.uncommitted) {
      const name = `${shard.streamId}/${leaderEpochOf(pending.bytes, 0)}/${baseOffsetOf(pending.bytes, 0)}`;
      const content = pending.bytes.toString('latin1', 61);
      const known = this.#names.get(name);
      invariant(known === undefined || known === content, `R3: ${name} names two records`);
      this.#names.set(name, content);
    }
  }

  async #crash(how: 'power' | 'kill'): Promise<void> {
    this.crashes++;
    for (const shard of this.#journal!.shards.values()) this.#note(shard);
    const journal = this.#journal!;
    this.#journal = undefined;
    if (how === 'kill') this.disk.kill();
    else this.disk.cutPower({ sector: this.random.pick([0, 0.5, 1]), size: this.random.pick([0, 1]) });
    void journal.abandon();
    await this.#start();
  }

  async #start(): Promise<void> {
    for (;;) {
      this.#incarnation++;
      this.#fatal = false;
      const errorRate = this.disk.behaviour.syncErrorRate;
      this.disk.behaviour.syncErrorRate = 0;
      const events = new JournalEvents();
      const opened = await this.clock.settle(
        openDirectory(this.disk, 'data', events, {
          fileBytes: COMMIT_LOG_BYTES,
          newIdentity: () => Buffer.from('identity'),
        }),
      );
      this.disk.behaviour.syncErrorRate = errorRate;
      this.#journal = this.#journalOf(this.#planted(opened), events);
      await drained();
      for (const shard of this.#journal.shards.values()) {
        if (this.#mutant !== 'deliver above HW') continue;
        Object.defineProperty(shard, 'highWatermark', { get: () => shard.log.logEndOffset });
      }
      // What was not answered is sent again, in order, before anything new (rule R6).
      for (const producer of this.#producers)
        for (const sent of producer.unanswered) this.#send(producer, sent);
      return;
    }
  }

  #journalOf(opened: OpenedDirectory, events: JournalEvents): Journal {
    const identity = { nodeId: NODE_ID, incarnation: this.#incarnation, directoryId: DIRECTORY_ID };
    const port = this.cluster.port(identity);
    const reuse = this.#mutant === 'epoch reused after a restart';
    return new Journal(
      {
        disk: this.disk,
        dataDirectory: 'data',
        clock: this.clock,
        cluster: reuse
          ? { ...port, claimLeadership: () => Promise.resolve(this.cluster.reuse(identity)) }
          : port,
        log: SILENT,
        removeDirectory: () => Promise.resolve(),
        onFatal: () => {
          this.#fatal = true;
        },
        checkpointPaceMs: 0,
      },
      opened,
      events,
    );
  }

  #planted(opened: OpenedDirectory): OpenedDirectory {
    const { commitLog } = opened;
    if (this.#mutant === 'acknowledge before fdatasync') {
      return { ...opened, commitLog: instead(commitLog, () => void commitLog.sync().catch(() => undefined)) };
    }
    return this.#mutant === 'no fdatasync'
      ? { ...opened, commitLog: instead(commitLog, () => undefined) }
      : opened;
  }

  async #quiesce(): Promise<void> {
    for (let round = 0; round < 50; round++) {
      await this.clock.advance(20);
      await drained();
    }
  }
}

/** A commit log whose `sync` claims to be done at once. */
function instead(commitLog: CommitLog, sync: () => void): CommitLog {
  return new Proxy(commitLog, {
    get(target, name) {
      if (name === 'sync') {
        return () => {
          sync();
          return Promise.resolve(target.endPosition);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const cursor = new RecordCursor();

function forEachRecord(bytes: Buffer, visit: (offset: number, value: string) => void): void {
  for (let at = 0; at < bytes.length; at += completeBatchBytes(bytes, at, bytes.length)) {
    cursor.reset(bytes, at);
    while (cursor.next()) visit(cursor.offset, String(cursor.value).replace(/\.+$/, ''));
  }
}
