// What travels through the write path: a request from a gateway's stream, and the batch it became.

import type { BrokerError } from '@robustmq/errors';
import type { BatchTopics } from './stream-topics.ts';

/** Answer to an append. */
export interface AppendAnswer {
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly leaderEpoch: number;
}

/** Where answers go: one instance of a gateway's stream. Writes leave with the next {@link AppendOrigin.flush}. */
export interface AppendOrigin {
  /** Whether the producer id is one of this gateway's own (rules R6, O7). */
  ownsProducer(producerId: number): boolean;
  answer(request: AppendRequest, answer: AppendAnswer, inMemory: boolean): void;
  refuse(request: AppendRequest, error: BrokerError): void;
  flush(): void;
}

/** The part of a trace span that the write path uses. */
export interface AppendSpan {
  end(): void;
}

/** One append section as it arrived. */
export interface AppendRequest {
  readonly origin: AppendOrigin;
  readonly correlation: number;
  readonly streamId: number;
  readonly shard: number;
  /** -1: any. */
  readonly leaderEpoch: number;
  /** -1, 0 or 1. */
  readonly acks: number;
  readonly acknowledgeInMemory: boolean;
  readonly minRevision: number;
  /** W3C traceparent of a sampled batch; empty otherwise. */
  readonly traceparent: string;
  /** Monotonic time after which an unanswered acks=all hears `deadline_exceeded`; Infinity without. */
  readonly deadlineMs: number;
  /** Exactly one batch; stamped in place. */
  readonly bytes: Buffer;
}

/** A batch in the log of a leader that HW has not passed yet. */
export interface PendingBatch {
  readonly request: AppendRequest;
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly logAppendTimeMs: number;
  /** Ends when the last answer leaves; null unless sampled. */
  readonly span: AppendSpan | null;
  /** The last answer left (acks 0 or 1, or a deadline): HW changes nothing for the sender. */
  answered: boolean;
  /** The sender was told that it took too long: it may have let go of the batch. */
  expired: boolean;
  /** Topics of the records, decoded at most once for all gateways and the index. */
  topics: BatchTopics | undefined;
}

/** A repeat of a batch that HW has not passed (rule R6). */
export interface PendingRepeat {
  readonly request: AppendRequest;
  readonly baseOffset: number;
  readonly lastOffset: number;
}
