// What a journal is made of besides its data directory.

import type { Disk } from '@robustmq/commit-log';
import type { BrokerError } from '@robustmq/errors';
import type { Clock, Log, Timers } from '@robustmq/runtime';
import type { BucketHistogram } from '@robustmq/telemetry';
import type { BacklogIndex } from './read/backlog.ts';
import type { ClusterPort } from './shard/cluster-port.ts';
import type { AppendRequest, AppendSpan } from './shard/pending.ts';
import type { ReadTurns } from './shard/read-turns.ts';
import type { ViewFeed } from './views/view-feed.ts';

/** Surroundings of a journal. */
export interface JournalOptions {
  readonly disk: Disk;
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Shared by everything that reads for others. */
  readonly turns: ReadTurns;
  /** Memory for answers that have not left; default 256 MiB. */
  readonly answerBytes?: number;
  readonly cluster: ClusterPort;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Whether the disk is above its refuse mark (rule L6). */
  readonly diskIsFull?: () => boolean;
  /** The disk failed: this incarnation serves nothing any more (rules L5, R3). */
  readonly onFatal: (error: BrokerError) => void;
  readonly checkpointBytes?: number;
  readonly checkpointPaceMs?: number;
  /** Takes the durations of syncs. */
  readonly syncSeconds?: BucketHistogram;
  /** Begins the span of a sampled append; absent: nothing is traced. */
  readonly startSpan?: ((request: AppendRequest) => AppendSpan | null) | undefined;
  /** What is derived from the logs of MQTT-visible shards; closed with the journal. */
  readonly views?: readonly ViewFeed[];
  /** Absent: backlog reads scan the log. */
  readonly index?: BacklogIndex | undefined;
}
