// A cluster view in memory: streams with one shard each or more, led by whoever claims, as meta would answer.

import type { ReplicaView, StreamView } from '@robustmq/meta-client';
import type { ClusterPort, DeletedStream, JournalIdentity } from '../src/shard/cluster-port.ts';

/** What outlives a restart of a server: the rows. */
export class FakeCluster {
  revision = 1;
  /** Last incarnation of a node that has ended. */
  readonly ended = new Map<string, number>();
  readonly streams = new Map<number, StreamView>();
  /** Committed deletions that no journal has acknowledged. */
  readonly deletions = new Map<number, DeletedStream>();
  readonly #listeners = new Set<() => void>();

  /** Adds a stream whose only replica is in the directory. */
  create(
    streamId: number,
    replica: ReplicaView,
    options: {
      shards?: number;
      name?: string;
      mqttFilter?: string;
      config?: Record<string, string>;
      leaderEpoch?: number;
      topicId?: string;
    } = {},
  ): void {
    const shards = Array.from({ length: options.shards ?? 1 }, (_, shard) => ({
      shard,
      leaderEpoch: (options.leaderEpoch ?? 0) - 1,
      leader: '',
      leaderIncarnation: 0,
      replicas: [replica],
      isr: [{ nodeId: replica.nodeId, incarnation: 0 }],
      isrVersion: 1,
    }));
    this.streams.set(streamId, {
      streamId,
      tenant: 'default',
      name: options.name ?? `stream-${streamId}`,
      config: options.config ?? {},
      mqttFilter: options.mqttFilter ?? '',
      shardsAtCreation: shards.length,
      shards,
      topicId: options.topicId ?? `topic-${streamId}`,
      createdAtMs: 0,
      ownershipEpoch: 0,
      ownershipActive: true,
      internal: false,
    });
    this.changed();
  }

  /** A committed deletion. */
  delete(streamId: number): void {
    const topicId = this.streams.get(streamId)?.topicId ?? '';
    this.deletions.set(streamId, { streamId, topicId });
    this.forget(streamId);
  }

  /** The view lacks the stream from now on, as after a restore of meta from an older copy: nobody deleted it. */
  forget(streamId: number): void {
    this.streams.delete(streamId);
    this.changed();
  }

  configure(streamId: number, config: Record<string, string>): void {
    this.streams.set(streamId, { ...this.streams.get(streamId)!, config });
    this.changed();
  }

  changed(): void {
    this.revision++;
    for (const listener of [...this.#listeners]) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The port of one incarnation. */
  port(identity: JournalIdentity): ClusterPort {
    return {
      identity,
      revision: () => this.revision,
      streams: () => this.streams.values(),
      hasEnded: (nodeId, incarnation) => (this.ended.get(nodeId) ?? -1) >= incarnation,
      onChange: (listener) => this.onChange(listener),
      listDeletions: () => Promise.resolve([...this.deletions.values()]),
      acknowledgeDeletions: (streamIds) => {
        for (const streamId of streamIds) this.deletions.delete(streamId);
        return Promise.resolve();
      },
      claimLeadership: () => {
        this.claim(identity);
        return Promise.resolve();
      },
    };
  }

  /** A new epoch for the same incarnation: a claim that was applied twice. */
  reelect(): void {
    for (const [streamId, stream] of this.streams) {
      const shards = stream.shards.map((shard) => ({ ...shard, leaderEpoch: shard.leaderEpoch + 1 }));
      this.streams.set(streamId, { ...stream, shards });
    }
    this.changed();
  }

  /** The bug that rule R3 forbids: a restarted server leads again under its old epoch. */
  reuse(identity: JournalIdentity): void {
    this.claim(identity, 0);
  }

  /** A new leader epoch for every shard that the directory holds. */
  claim(identity: JournalIdentity, step = 1): void {
    for (const [streamId, stream] of this.streams) {
      const shards = stream.shards.map((shard) =>
        shard.replicas.some((replica) => replica.directoryId === identity.directoryId) &&
        shard.leaderIncarnation !== identity.incarnation
          ? {
              ...shard,
              leader: identity.nodeId,
              leaderIncarnation: identity.incarnation,
              leaderEpoch: Math.max(0, shard.leaderEpoch + step),
              // Registration made the member the run that it is now.
              isr: [{ nodeId: identity.nodeId, incarnation: identity.incarnation }],
              isrVersion: shard.isrVersion + 1,
            }
          : shard,
      );
      this.streams.set(streamId, { ...stream, shards });
    }
    this.changed();
  }
}
