// One journal on a simulated disk, with producers that keep a ledger of what was acknowledged and readers that remember
// what they saw. Everything comes from one seed.

import { BrokerError } from '@robustmq/errors';
import { batchHeader, completeBatchBytes, RecordBatchBuilder, RecordCursor } from '@robustmq/record-batch';
import { invariant, World, type Life, type Random, type SimulatedDisk } from '@robustmq/testkit';
import { openDirectoryFacts } from '../src/directory/directory-id.ts';
import { Journal } from '../src/journal.ts';
import type { AppendAnswer, AppendOrigin, AppendRequest } from '../src/shard/pending.ts';
import { ReadTurns } from '../src/shard/read-turns.ts';
import { openDirectory, type OpenedDirectory } from '../src/directory/recovery.ts';
import type { Shard } from '../src/shard/shard.ts';
import { FakeCluster } from './fake-cluster.ts';
import { plantedDirectory, plantInShard, type JournalMutant } from './journal-mutants.ts';
import { DIRECTORY_ID, NODE_ID, REPLICA, SILENT } from './running-journal.ts';

const DATA = 'volume/journal-1';
const STREAMS = [1, 2, 3];
const PRODUCER_BASE = 1000;
const COMMIT_LOG_BYTES = [12 * 1024, 16 * 1024, 64 * 1024];

interface Producer {
  readonly streamId: number;
  readonly producerId: number;
  nextSequence: number;
  /** Sent and not acknowledged, in order; sent again in order after a crash or a refusal (rule R6). */
  unanswered: Sent[];
  /** Sent and neither acknowledged nor refused. */
  outstanding: number;
  /** Something was refused: nothing new until all of it was sent again. */
  held: boolean;
  values: number;
}

interface Sent {
  readonly batch: Buffer;
  readonly values: readonly string[];
}

/** What happened over all runs: a run proves nothing of what did not happen in it. */
export const COVERAGE = {
  powerCuts: 0,
  kills: 0,
  failedSyncs: 0,
  fullDisks: 0,
  damagedStreams: 0,
  checkpoints: 0,
};

/** A world: run steps, crash, look. */
export class SimulatedJournal {
  readonly world: World;
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
  #started = Promise.resolve();
  readonly #fileBytes: number;
  /** Streams whose durable data was flipped: they serve nothing any more. */
  readonly #damaged = new Set<number>();
  /** Of those, the ones with a mark. */
  readonly #quarantined = new Set<number>();
  /** Bits flipped so far: each spoils one record at most. */
  #flips = 0;
  #fatal = false;
  #violation: Error | undefined;
  acknowledged = 0;

  constructor(seed: number, mutant: JournalMutant = 'none') {
    this.world = new World(seed);
    this.random = this.world.random;
    this.world.add(NODE_ID, (life) => {
      this.#started = this.#open(life);
    });
    this.disk = this.world.diskOf(NODE_ID);
    this.#mutant = mutant;
    this.#fileBytes = this.random.pick(COMMIT_LOG_BYTES);
    for (const streamId of STREAMS)
      this.cluster.create(streamId, REPLICA, { config: { 'segment.bytes': '4000' } });
    this.#producers = STREAMS.flatMap((streamId, index) =>
      [0, 1].map((each) => ({
        streamId,
        producerId: PRODUCER_BASE + 2 * index + each,
        nextSequence: 0,
        unanswered: [],
        outstanding: 0,
        held: false,
        values: 0,
      })),
    );
  }

  get clock(): World['clock'] {
    return this.world.clock;
  }

  get damagedStreams(): number {
    return this.#damaged.size;
  }

  async run(steps: number): Promise<void> {
    await this.#start();
    for (let step = 0; step < steps; step++) {
      await this.#act();
      if (this.#violation !== undefined) throw this.#violation;
      this.#sendAgain();
      if (this.#fatal) {
        COVERAGE.failedSyncs++;
        await this.#crash('kill');
      }
    }
    this.disk.behaviour.capacityBytes = Infinity;
    await this.#crash('power');
    this.disk.behaviour.syncErrorRate = 0;
    await this.#quiesce();
    if (this.#violation !== undefined) throw this.#violation;
    await this.#readAll();
    for (const producer of this.#producers) {
      if (this.#damaged.has(producer.streamId)) continue;
      invariant(producer.unanswered.length === 0, `append of ${producer.producerId} never answered`);
      this.#checkProducer(producer);
    }
    await this.#checkDamaged();
    this.world.kill(NODE_ID);
  }

  /** N4: what was acknowledged of a quarantined shard is still beside it, but for the records that the bits spoiled. */
  async #checkDamaged(): Promise<void> {
    if (this.#damaged.size === 0) return;
    await this.#crash('kill', false);
    for (const streamId of this.#quarantined) {
      const files = this.disk.paths().filter((path) => path.startsWith(`${DATA}/shards/${streamId}-0`));
      const text = files.map((path) => this.disk.contentOf(path).toString('latin1')).join(' ');
      const lost = [...this.#seen.get(streamId)!.values()].filter(
        (value) => !new RegExp(`${value}(?!\\d)`).test(text),
      );
      invariant(
        lost.length <= this.#flips,
        `N4: acknowledged and gone from quarantined ${streamId}: ${lost.join(' ')}`,
      );
    }
  }

  /** I3, R6: all values of an idempotent producer are there, once, in the order in which it sent them. */
  #checkProducer(producer: Producer): void {
    const prefix = `${producer.producerId}:`;
    const found = [...this.#seen.get(producer.streamId)!]
      .filter(([, value]) => value.startsWith(prefix))
      .sort(([left], [right]) => left - right);
    const numbers = found.map(([, value]) => Number(value.slice(prefix.length)));
    const wrong = numbers.findIndex((number, index) => number !== index + 1);
    invariant(
      wrong < 0 && numbers.length === producer.values,
      `I3: producer ${producer.producerId} sent ${producer.values}, the log has ${numbers.join(' ')}`,
    );
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
    else if (dice < 0.99) this.#fillDisk();
    // The periodic work of the journal.
    else await this.clock.advance(1_000);
    await this.clock.advance(0);
  }

  #fillDisk(): void {
    const full = this.disk.behaviour.capacityBytes !== Infinity;
    let usedBytes = 0;
    for (const path of this.disk.paths()) usedBytes += this.disk.contentOf(path).length;
    this.disk.behaviour.capacityBytes = full ? Infinity : usedBytes + this.random.below(4000);
    // As the sweep does before long.
    if (full) this.#journal!.follow();
  }

  #produce(): void {
    const producer = this.random.pick(this.#producers);
    if (producer.unanswered.length >= 5 || producer.held || this.#damaged.has(producer.streamId)) return;
    const values = Array.from(
      { length: this.random.between(1, 4) },
      () => `${producer.producerId}:${++producer.values}`,
    );
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

  /** After a refusal, once all that was sent is answered: everything again, in order, before anything new (rule R6). */
  #sendAgain(): void {
    for (const producer of this.#producers) {
      if (!producer.held || producer.outstanding > 0) continue;
      producer.held = false;
      for (const sent of producer.unanswered) this.#send(producer, sent);
    }
  }

  #send(producer: Producer, sent: Sent): void {
    const { streamId } = producer;
    producer.outstanding++;
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
        if (journal !== this.#journal) return;
        if (error.code === 'storage_full') COVERAGE.fullDisks++;
        if (error.code === 'quarantined' && this.#flips > 0) this.#damaged.add(producer.streamId);
        const expected = ['storage_failed', 'storage_full', 'unavailable', 'out_of_order', 'not_leader'];
        const isExpected = expected.includes(error.code) || this.#damaged.has(producer.streamId);
        this.#guarded(() => invariant(isExpected, `refused: ${error.code}`));
        producer.outstanding--;
        producer.held = true;
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
    producer.outstanding--;
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
    COVERAGE.checkpoints++;
    // A failed sync ends the incarnation by itself; a crash leaves the promise open for ever.
    void this.#journal!.checkpointer.checkpoint().catch((error: unknown) => {
      const isTransient =
        error instanceof BrokerError && ['storage_full', 'unavailable'].includes(error.code);
      if (!isTransient) this.#fatal = true;
    });
  }

  /** Reads what consumers may see and compares it with everything ever seen. */
  async #readAll(): Promise<void> {
    for (const shard of this.#journal!.shards.values()) {
      if (shard.failure !== undefined) continue;
      this.#note(shard);
      const { highWatermark, streamId } = shard;
      if (this.#damaged.has(streamId)) continue;
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
        const bytes = await this.#unlessDamaged(streamId, reading);
        if (bytes === undefined) break;
        invariant(bytes.length > 0, `I1: nothing at ${from} of ${streamId} although HW is ${highWatermark}`);
        forEachRecord(bytes, (offset, value) => {
          this.#see(seen, streamId, offset, value);
          from = offset + 1;
        });
      }
      // More may have been committed while the reads ran.
      const committed = this.#damaged.has(streamId) ? Infinity : shard.highWatermark;
      for (const offset of seen.keys()) {
        invariant(
          offset < committed,
          `I1: offset ${offset} of ${streamId} was acknowledged, HW is ${committed}`,
        );
      }
    }
  }

  /** What a read answers; undefined if it met the bit that was flipped. */
  async #unlessDamaged(streamId: number, reading: Promise<Buffer>): Promise<Buffer | undefined> {
    try {
      return await this.clock.settle(reading);
    } catch (error) {
      const isDamage = error instanceof BrokerError && error.code === 'corrupt' && this.#flips > 0;
      if (!isDamage) throw error;
      this.#damaged.add(streamId);
      return undefined;
    }
  }

  /** Turns a bit of a segment: damage that must be told from everything a crash leaves. */
  #flipBit(): void {
    const paths = this.disk.paths().filter((path) => path.endsWith('.log'));
    const path = this.random.pick([undefined, ...paths]);
    const sizeBytes = path === undefined ? 0 : this.disk.contentOf(path).length;
    if (path === undefined || sizeBytes === 0) return;
    this.disk.flipBit(path, this.random.below(sizeBytes), this.random.below(8));
    this.#flips++;
  }

  /** Notes under which names records were written, also those that no one may see yet. */
  #note(shard: Shard): void {
    for (const pending of shard.uncommitted) {
      const name = `${shard.streamId}/${batchHeader.leaderEpoch(pending.bytes, 0)}/${batchHeader.baseOffset(pending.bytes, 0)}`;
      const content = pending.bytes.toString('latin1', 61);
      const known = this.#names.get(name);
      invariant(known === undefined || known === content, `R3: ${name} names two records`);
      this.#names.set(name, content);
    }
  }

  async #crash(how: 'power' | 'kill', mayFlip = true): Promise<void> {
    for (const shard of this.#journal!.shards.values()) this.#note(shard);
    const journal = this.#journal!;
    this.#journal = undefined;
    if (how === 'kill') COVERAGE.kills++;
    else COVERAGE.powerCuts++;
    if (how === 'kill') this.world.kill(NODE_ID);
    else
      this.world.cutPower(NODE_ID, {
        sector: this.random.pick([0, 0.5, 1]),
        size: this.random.pick([0, 1]),
      });
    void journal.abandon();
    if (mayFlip && this.random.chance(0.2)) this.#flipBit();
    await this.#start();
  }

  async #start(): Promise<void> {
    this.#fatal = false;
    const { syncErrorRate, capacityBytes } = this.disk.behaviour;
    this.disk.behaviour.syncErrorRate = 0;
    this.disk.behaviour.capacityBytes = Infinity;
    this.world.start(NODE_ID);
    await this.clock.settle(this.#started);
    this.disk.behaviour.syncErrorRate = syncErrorRate;
    this.disk.behaviour.capacityBytes = capacityBytes;
    // What was not answered is sent again, in order, before anything new (rule R6).
    for (const producer of this.#producers) {
      producer.outstanding = 0;
      producer.held = false;
      for (const sent of producer.unanswered) this.#send(producer, sent);
    }
  }

  /** What a process does at its start. */
  async #open(life: Life): Promise<void> {
    // The names above the data are durable before there is data.
    await openDirectoryFacts(life.disk, DATA, NODE_ID, SILENT);
    const opened = await openDirectory(life.disk, DATA, {
      nowMs: life.clock.monotonicMs(),
      fileBytes: this.#fileBytes,
      spareFiles: 1,
      newIdentity: () => Buffer.from('identity'),
    });
    const journal = this.#journalOf(life, plantedDirectory(this.#mutant, opened));
    this.#journal = journal;
    // Leaderships are claimed in turns of their own.
    await new Promise<void>((resolve) => void life.clock.soon(resolve));
    for (const shard of journal.shards.values()) plantInShard(this.#mutant, shard);
    this.#noteQuarantine(opened);
  }

  #noteQuarantine(opened: OpenedDirectory): void {
    for (const name of opened.quarantine.names) {
      invariant(this.#flips > 0, `L2: healthy shard ${name} is quarantined`);
      this.#damaged.add(Number(name.split('-')[0]));
      this.#quarantined.add(Number(name.split('-')[0]));
    }
  }

  #journalOf({ disk, clock, number }: Life, opened: OpenedDirectory): Journal {
    const identity = { nodeId: NODE_ID, incarnation: number, directoryId: DIRECTORY_ID };
    const port = this.cluster.port(identity);
    const reuse = this.#mutant === 'epoch reused after a restart';
    return new Journal(
      {
        disk,
        dataDirectory: DATA,
        clock,
        timers: clock,
        turns: new ReadTurns(clock, clock),
        cluster: reuse
          ? { ...port, claimLeadership: () => Promise.resolve(this.cluster.reuse(identity)) }
          : port,
        log: SILENT,
        onFatal: () => {
          this.#fatal = true;
        },
        checkpointPaceMs: 0,
      },
      opened,
    );
  }

  async #quiesce(): Promise<void> {
    for (let round = 0; round < 50; round++) {
      await this.clock.advance(20);
      this.#sendAgain();
    }
  }
}

const cursor = new RecordCursor();

function forEachRecord(bytes: Buffer, visit: (offset: number, value: string) => void): void {
  for (let at = 0; at < bytes.length; at += completeBatchBytes(bytes, at, bytes.length)) {
    cursor.reset(bytes, at);
    while (cursor.next()) visit(cursor.offset, String(cursor.value).replace(/\.+$/, ''));
  }
}
