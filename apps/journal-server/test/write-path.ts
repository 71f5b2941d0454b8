// The write path alone: a commit loop over shards on a simulated disk, and a commit log whose appends and syncs the test
// decides.

import type { Section } from '@robustmq/commit-log';
import type { BrokerError } from '@robustmq/errors';
import { ProducerQuota, ProducerState } from '@robustmq/producer-state';
import type { IsrProposal, Member } from '@robustmq/replication';
import { SegmentLog } from '@robustmq/segment-log';
import type { Clock } from '@robustmq/runtime';
import { BucketHistogram } from '@robustmq/telemetry';
import { Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { CommitLoop } from '../src/write/commit-loop.ts';
import type { AppendOrigin, AppendRequest, PendingBatch } from '../src/shard/pending.ts';
import { Shard } from '../src/shard/shard.ts';

const ALONE: Member = { nodeId: 'a', incarnation: 1 };

/** A commit log in memory: it may refuse, and what it took is durable once the test says so. */
class ScriptedCommitLog {
  readonly sections: Section[] = [];
  /** Thrown by the next append. */
  refusal: BrokerError | undefined;
  maxSectionBytes = 1 << 20;
  readonly #syncs: PromiseWithResolvers<number>[] = [];

  append(sections: readonly Section[]): number {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
    this.sections.push(...sections);
    return this.sections.length;
  }

  sync(): Promise<number> {
    const sync = Promise.withResolvers<number>();
    this.#syncs.push(sync);
    return sync.promise;
  }

  get isSyncing(): boolean {
    return this.#syncs.length > 0;
  }

  synced(): void {
    for (const each of this.#syncs.splice(0)) each.resolve(this.sections.length);
  }

  fail(error: BrokerError): void {
    for (const each of this.#syncs.splice(0)) each.reject(error);
  }
}

/** A commit loop and what happened around it, in order. */
export class WritePath {
  readonly clock = new VirtualClock();
  readonly commitLog = new ScriptedCommitLog();
  readonly commits: CommitLoop;
  /** Answers and refusals: `<correlation>: <offset or code>`. */
  readonly answers: string[] = [];
  /** Offsets that were handed to delivery, per batch. */
  readonly committed: number[] = [];
  onCommitted: ((shard: Shard, batches: readonly PendingBatch[]) => void) | undefined;
  /** Offsets that whoever follows may have, per batch. */
  readonly appended: number[] = [];
  readonly proposals: IsrProposal[] = [];
  failure: BrokerError | undefined;
  diskIsFull = false;
  readonly #disk = new SimulatedDisk(this.clock, new Random(1));
  readonly #origin: AppendOrigin = {
    ownsProducer: () => false,
    answer: ({ correlation }, { baseOffset }) => void this.answers.push(`${correlation}: ${baseOffset}`),
    refuse: ({ correlation }, { code }) => void this.answers.push(`${correlation}: ${code}`),
    flush: () => undefined,
  };

  /** @param clock of the loop; default one that stands still within a turn. */
  constructor(clock: Clock = this.clock) {
    this.commits = new CommitLoop({
      clock,
      timers: this.clock,
      commitLog: this.commitLog,
      diskIsFull: () => this.diskIsFull,
      syncSeconds: new BucketHistogram(),
      startSpan: () => null,
      appended: (_shard, batches) => void this.appended.push(...batches.map(({ baseOffset }) => baseOffset)),
      committed: (shard, batches) => {
        this.committed.push(...batches.map(({ baseOffset }) => baseOffset));
        this.onCommitted?.(shard, batches);
      },
      passEnded: () => undefined,
      storageFailed: (error) => (this.failure = error),
    });
  }

  /** A shard that the first of these members leads. */
  leading(streamId = 1, members: readonly Member[] = [ALONE]): Shard {
    const log = SegmentLog.open(this.#disk, `shards/${streamId}-0`, {}, undefined);
    const producers = new ProducerState({ isGateway: () => false, quota: new ProducerQuota(100) });
    const shard = new Shard({ streamId, shard: 0, topicId: '' }, log, producers);
    const sink = {
      highWatermarkAdvanced: () => this.commits.advanced(shard),
      proposeIsr: (proposal: IsrProposal) => void this.proposals.push(proposal),
    };
    const isr = { members, version: 1 };
    shard.lead({ self: members[0]!, leaderEpoch: 0, isr }, sink, this.clock.monotonicMs());
    return shard;
  }

  /** The same shard as a later start finds it: all that was synced, and no role. */
  reopened({ streamId, shard, log }: Shard): Shard {
    const producers = new ProducerState({ isGateway: () => false, quota: new ProducerQuota(100) });
    return new Shard({ streamId, shard, topicId: '' }, log, producers);
  }

  /** Submits a batch of one record or more. */
  append(shard: Shard, correlation: number, bytes: Buffer, more: Partial<AppendRequest> = {}): void {
    this.commits.submit(shard, {
      origin: this.#origin,
      correlation,
      streamId: shard.streamId,
      shard: shard.shard,
      leaderEpoch: -1,
      acks: -1,
      acknowledgeInMemory: false,
      minRevision: 0,
      traceparent: '',
      deadlineMs: Infinity,
      bytes,
      ...more,
    });
  }

  /** Lets the loop do what is due; nothing becomes durable. */
  turn(): Promise<void> {
    return this.clock.advance(0);
  }

  /** What was appended becomes durable, and what follows from that happens. */
  async sync(): Promise<void> {
    await this.turn();
    this.commitLog.synced();
    await this.turn();
  }
}
