// What a journal-server that follows shards led here says of them, and hears (rules R1, R4): its durable LEO one way, HW and
// LEO the other, alone, so that neither waits for records or for a long poll.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import type { Member } from '@robustmq/replication';
import {
  MarksFrameSchema,
  RefusedReportSchema,
  toFailure,
  type ExchangeResponse,
  type RefusedReport,
  type ReportFrame,
  type ShardReport,
} from '@robustmq/rpc';
import { marksOf } from '../shard/marks.ts';
import type { Shard } from '../shard/shard.ts';

/** What reports need of the stream and the server. */
export interface PeerHost {
  /** The run of the follower that this stream belongs to. */
  readonly member: Member;
  monotonicMs(): number;
  shardOf(streamId: number, shard: number): Shard | BrokerError;
  /** Whether the peer's directory holds a copy of the shard, as the cluster sees it. */
  holdsCopy(streamId: number, shard: number): boolean;
  send(frame: ExchangeResponse['frame']): void;
}

/** Reports in one frame; a server follows some thousands of shards. */
const MAX_REPORTS = 16_384;

/** One follower's stream. */
export class PeerReports {
  readonly #host: PeerHost;
  readonly #followed = new Set<Shard>();
  /** Shards whose marks have changed since the peer heard of them. */
  readonly #moved = new Set<Shard>();

  constructor(host: PeerHost) {
    this.#host = host;
  }

  /** Takes what the follower says of itself; each report is answered by marks or by why it counts for nothing. */
  report(frame: ReportFrame): void {
    if (frame.reports.length > MAX_REPORTS) {
      throw new BrokerError('quota_exceeded', `more than ${MAX_REPORTS} reports in one frame`);
    }
    const refused: RefusedReport[] = [];
    for (const report of frame.reports) {
      try {
        this.#take(report);
      } catch (error) {
        const { streamId, shard } = report;
        refused.push(create(RefusedReportSchema, { streamId, shard, failure: toFailure(error) }));
      }
    }
    this.#send(refused);
  }

  /** LEO or HW of a shard moved: with the next {@link flush} the peer hears of it, if it follows. */
  moved(shard: Shard): void {
    if (this.#followed.has(shard)) this.#moved.add(shard);
  }

  /** The shard is not led here any more. */
  drop(shard: Shard): void {
    this.#followed.delete(shard);
    this.#moved.delete(shard);
  }

  flush(): void {
    if (this.#moved.size > 0) this.#send([]);
  }

  #take({ streamId, shard, leaderEpoch, durableLogEndOffset }: ShardReport): void {
    const found = this.#host.shardOf(streamId, shard);
    if (found instanceof BrokerError) throw found;
    const leader = found.leaderFor(leaderEpoch);
    if (!this.#host.holdsCopy(streamId, shard)) {
      throw new BrokerError('permission_denied', 'the cluster places no copy of the shard in that directory');
    }
    const offset = Number(durableLogEndOffset);
    if (offset < 0 || offset > leader.logEndOffset) {
      throw new BrokerError('out_of_range', 'a follower has no more than its leader', {
        details: { durableLogEndOffset: offset, logEndOffset: leader.logEndOffset },
      });
    }
    this.#followed.add(found);
    this.#moved.add(found);
    leader.reported(this.#host.member, offset, this.#host.monotonicMs());
  }

  #send(refused: RefusedReport[]): void {
    const marks = [...this.#moved].map(marksOf);
    this.#moved.clear();
    this.#host.send({ case: 'marks', value: create(MarksFrameSchema, { marks, refused }) });
  }
}
