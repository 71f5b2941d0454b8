// What the journal needs of the cluster: its own identity, the view, and a way to claim leaderships.

import type { StreamView } from '@robustmq/meta-client';
import type { CommittedIsr, IsrProposal } from '@robustmq/replication';

/** This run of this server, as meta registered it. */
export interface JournalIdentity {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly directoryId: string;
}

/** A stream whose deletion was committed. */
export interface DeletedStream {
  readonly streamId: number;
  readonly topicId: string;
}

/** Some of the deletions that a directory has not acknowledged. */
export interface DeletionPage {
  readonly deleted: readonly DeletedStream[];
  /** What the next page begins behind; 0 if this is the last one. */
  readonly nextAfterStreamId: number;
  /** A view that has come to this revision shows none of these streams any more. */
  readonly revision: number;
}

/** The cluster view and the calls that change it. */
export interface ClusterPort {
  readonly identity: JournalIdentity;
  /** Revision that the view has reached; 0 before the first snapshot is complete. */
  revision(): number;
  streams(): Iterable<StreamView>;
  stream(streamId: number): StreamView | undefined;
  /** Whether the view says that this incarnation of a node has ended (rule F1); an unknown one has not. */
  hasEnded(nodeId: string, incarnation: number): boolean;
  /** The listener hears which streams changed. */
  onChange(listener: (streamIds: readonly number[]) => void): () => void;
  /** Asks for a new leader epoch of every shard that this directory may lead (rule R3). */
  claimLeadership(): Promise<void>;
  /**
   * Asks for another ISR of a shard that is led here (rule R2); answers what holds then.
   * @throws BrokerError conflict: it has changed meanwhile; fenced, invalid_argument, not_found: refused for good.
   */
  alterIsr(streamId: number, shard: number, proposal: IsrProposal): Promise<CommittedIsr>;
  /** Resolves once the view has reached a revision. @throws BrokerError `deadline_exceeded` */
  reached(revision: number): Promise<void>;
  /** Committed deletions of which this directory may still hold files, those behind a stream id (rule N2). */
  listDeletions(afterStreamId: number): Promise<DeletionPage>;
  /** This directory holds nothing of these streams any more. */
  acknowledgeDeletions(streamIds: readonly number[]): Promise<void>;
}
