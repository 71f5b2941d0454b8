// One life of a replica's process: the shell of the cores, with its log, its link to the controller and its fetches.

import type { ConnectionEnd, Life } from '@robustmq/testkit';
import { ShardFollower, truncationFor } from '../../src/follower.ts';
import { ShardLeader } from '../../src/leader.ts';
import type { IsrProposal, Member } from '../../src/members.ts';
import {
  CONTROLLER,
  type Call,
  type Fetch,
  type Fetched,
  type Mutant,
  type ShardRow,
  type Told,
} from './frames.ts';
import type { Entry, ReplicaLog } from './replica-log.ts';

/** Who watches the replicas. */
export interface Observer {
  /** A record is in a log under this name. */
  wrote(entry: Entry, offset: number): void;
  /** All below its HW is committed, says the replica. */
  committed(replica: Replica, highWatermark: number): void;
}

const RETRY_MS = 20;
const FETCH_ENTRIES = 5;
const REPLICA_LAG_MAX_MS = 200;

/** See the file head. */
export class Replica {
  readonly #life: Life;
  readonly log: ReplicaLog;
  readonly #mutant: Mutant;
  readonly #observer: Observer;
  /** Until it is registered it has no incarnation. */
  #member: Member;
  #row: ShardRow | undefined;
  leader: ShardLeader | undefined;
  follower: ShardFollower | undefined;
  #highWatermark = 0;
  #controller: ConnectionEnd<Call, Told> | undefined;
  #source: ConnectionEnd<Fetch, Fetched> | undefined;
  /** Asked again over each new link until it is answered. */
  #pending: IsrProposal | undefined;
  #isSyncing = false;

  constructor(life: Life, log: ReplicaLog, mutant: Mutant, observer: Observer) {
    this.#life = life;
    this.log = log;
    this.#mutant = mutant;
    this.#observer = observer;
    this.#member = { nodeId: life.name, incarnation: 0 };
    life.serve((end) => this.#serve(end));
    life.clock.every(REPLICA_LAG_MAX_MS / 4, () => this.leader?.tick(this.#nowMs));
    this.#register();
  }

  get #nowMs(): number {
    return this.#life.clock.monotonicMs();
  }

  get isPaused(): boolean {
    return this.#life.clock.standstillMs > 0;
  }

  /** A producer's record; nothing happens unless this process leads. */
  append(value: number): void {
    const { leader, log } = this;
    if (leader === undefined || leader.resigned || !leader.enoughReplicas) return;
    this.#write({ epoch: leader.leaderEpoch, value });
    leader.appended(log.endOffset);
  }

  #register(): void {
    const end = this.#life.connect<Call, Told>(CONTROLLER);
    this.#controller = end;
    end.listen({
      onFrame: (told) => this.#told(told),
      onOver: () => {
        this.#controller = undefined;
        this.#life.clock.after(RETRY_MS, () => this.#register());
      },
    });
    end.send({ kind: 'register', ...this.#member, directoryId: this.log.directoryId });
    this.#ask();
  }

  #told(told: Told): void {
    if (told.kind === 'registered') this.#member = { ...this.#member, incarnation: told.incarnation };
    else if (told.kind === 'row') this.#follow(told.row);
    else this.#altered(told);
  }

  #follow(row: ShardRow): void {
    const { nodeId, incarnation } = this.#member;
    this.#row = row;
    if (row.leader === nodeId && row.leaderIncarnation === incarnation) {
      const { leader } = this;
      if (leader?.leaderEpoch === row.leaderEpoch && !leader.resigned)
        leader.isrCommitted(row.isr, this.#nowMs);
      else this.#lead(row);
    } else if (row.leader === '' || row.leader === nodeId) {
      this.#leave();
    } else if (this.follower?.leaderEpoch !== row.leaderEpoch) {
      this.#leave();
      this.follower = new ShardFollower(row.leaderEpoch, this.#highWatermark);
      this.#connect();
    }
  }

  #lead(row: ShardRow): void {
    this.#leave();
    this.leader = new ShardLeader(
      {
        self: this.#member,
        leaderEpoch: row.leaderEpoch,
        isr: row.isr,
        logEndOffset: this.log.endOffset,
        durableLogEndOffset: this.log.durableEndOffset,
        highWatermark: this.#highWatermark,
        minInsyncReplicas: 1,
        replicaLagMaxMs: REPLICA_LAG_MAX_MS,
      },
      {
        highWatermarkAdvanced: (highWatermark) => this.#observer.committed(this, highWatermark),
        proposeIsr: (proposal) => {
          this.#pending = proposal;
          this.#ask();
        },
      },
      this.#nowMs,
    );
    this.#observer.committed(this, this.leader.highWatermark);
  }

  /** Ends the role; what was committed stays known. */
  #leave(): void {
    const { leader, follower } = this;
    this.#highWatermark = leader?.highWatermark ?? follower?.highWatermark ?? this.#highWatermark;
    leader?.resign();
    this.leader = undefined;
    this.follower = undefined;
    this.#pending = undefined;
    this.#source?.cancel();
    this.#source = undefined;
  }

  #ask(): void {
    if (this.#pending !== undefined) this.#controller?.send({ kind: 'alter ISR', proposal: this.#pending });
  }

  #altered({ proposal, outcome, isr }: Told & { kind: 'altered' }): void {
    // Of a conflict the row tells, which may be the very one that was asked for.
    if (this.#pending !== proposal || outcome === 'conflict') return;
    if (outcome === 'refused') return this.#refused();
    this.#pending = undefined;
    this.leader?.isrCommitted(isr, this.#nowMs);
  }

  #refused(): void {
    const { leader } = this;
    if (leader === undefined || this.#pending === undefined) return;
    this.#pending = undefined;
    leader.isrRefused(leader.isr, this.#nowMs);
  }

  #connect(): void {
    const { follower } = this;
    if (follower === undefined || this.#row === undefined) return;
    const source = this.#life.connect<Fetch, Fetched>(this.#row.leader);
    this.#source = source;
    source.listen({
      onFrame: (fetched) => {
        if (this.#source === source) this.#fetched(follower, fetched);
      },
      onOver: () => {
        if (this.#source !== source) return;
        this.#source = undefined;
        this.#life.clock.after(RETRY_MS, () => {
          if (this.follower === follower && this.#source === undefined) this.#connect();
        });
      },
    });
    this.#fetch(follower);
  }

  #fetch(follower: ShardFollower): void {
    const { log } = this;
    this.#source?.send({
      leaderEpoch: follower.leaderEpoch,
      member: this.#member,
      fromOffset: log.endOffset,
      latestEpoch: log.latestEpoch,
      durableEndOffset: this.#mutant === 'report what is not durable' ? log.endOffset : log.durableEndOffset,
    });
  }

  #fetched(follower: ShardFollower, fetched: Fetched): void {
    const { log } = this;
    if (fetched.kind === 'diverged') {
      const own = {
        logEndOffset: () => log.endOffset,
        latestEpoch: () => log.latestEpoch,
        endOffsetFor: (epoch: number) => log.endOffsetFor(epoch),
      };
      const { offset } = truncationFor(own, fetched.end);
      follower.assertTruncation(offset);
      log.truncateTo(offset);
      this.#fetch(follower);
      return;
    }
    for (const entry of fetched.entries) this.#write(entry);
    follower.leaderReported(fetched.highWatermark, log.durableEndOffset);
    this.#observer.committed(this, follower.highWatermark);
    const pauseMs = this.#life.random.between(2, 20);
    const source = this.#source;
    this.#life.clock.after(pauseMs, () => {
      if (this.#source === source && source !== undefined) this.#fetch(follower);
    });
  }

  #serve(end: ConnectionEnd<Fetched, Fetch>): void {
    end.listen({
      onFrame: (fetch) => {
        const { leader, log } = this;
        if (leader === undefined || leader.resigned || leader.leaderEpoch !== fetch.leaderEpoch) {
          end.cancel();
          return;
        }
        const own = log.endOffsetFor(fetch.latestEpoch);
        const isPart = own.leaderEpoch === fetch.latestEpoch && own.endOffset >= fetch.fromOffset;
        const isCompared = this.#mutant !== 'a log is not compared before it is continued';
        if (fetch.fromOffset > 0 && !isPart && isCompared) {
          end.send({ kind: 'diverged', end: own });
          return;
        }
        leader.reported(fetch.member, fetch.durableEndOffset, this.#nowMs);
        const entries = log.entries.slice(fetch.fromOffset, fetch.fromOffset + FETCH_ENTRIES);
        end.send({ kind: 'records', entries, highWatermark: leader.highWatermark });
      },
      onOver: () => undefined,
    });
  }

  #write(entry: Entry): void {
    this.log.append(entry);
    this.#observer.wrote(entry, this.log.endOffset - 1);
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    this.#life.clock.after(this.#life.random.between(0, 20), () => void this.#sync());
  }

  async #sync(): Promise<void> {
    const { log } = this;
    try {
      while (log.durableEndOffset < log.endOffset) await log.sync();
    } catch {
      // Rule R3: a log whose tail may be gone leads no more in this epoch, nor does it report.
      this.leader?.resign();
      this.#life.exit('the disk failed');
      return;
    }
    this.#isSyncing = false;
    this.leader?.durable(log.durableEndOffset);
    this.follower?.durable(log.durableEndOffset);
  }
}
