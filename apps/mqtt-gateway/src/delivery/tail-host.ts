// What delivery of tails needs around it, and what it counts.

import type { BrokerError } from '@robustmq/errors';
import type { Clock, Timers } from '@robustmq/runtime';
import type { TraceSampler } from '@robustmq/telemetry';
import type { WalkCounters } from './batch-walk.ts';
import type { PublishContexts } from './delivery-span.ts';
import type { LiveSession } from './session-ports.ts';
import type { VisibleStream } from './topic-route.ts';

/** What tail delivery needs around it. */
export interface TailHost {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Undefined for a stream that MQTT can't see, or not any more. */
  streamOf(streamId: number): VisibleStream | undefined;
  /** Every session that is connected now. */
  sessions(): readonly LiveSession[];
  readonly sampler: TraceSampler;
  /** Knows the sampled publishes among the records that this gateway appended. */
  readonly publishes: PublishContexts;
  /** A batch that can't be read; its records are not delivered to MQTT. */
  onBadBatch(streamId: number, shard: number, error: BrokerError): void;
}

/** Bounds of {@link TailDelivery}. */
export interface TailLimits {
  /** Ring of recent batches per shard; as much again may wait to be delivered. */
  readonly ringBytesPerShard: number;
}

/** Plain integers that instruments read. */
export interface TailCounters extends WalkCounters {
  inflatedBatches: number;
  badBatches: number;
  /** Times that a tail went on behind where it was, so that live sessions fell behind. */
  jumps: number;
}
