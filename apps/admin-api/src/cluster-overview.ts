// What an operator wants to know first, computed from one snapshot of the cluster group.
import type { z } from 'zod';
import type { ClusterSnapshot, HealthProblem } from './ports.ts';
import type { healthBody, overviewBody } from './schemas.ts';

/** Services without which clients cannot be served. */
const REQUIRED = ['journal-server', 'mqtt-gateway', 'kafka-gateway'] as const;

/** What is known is then what was last known: it says nothing of health. */
const UNCONFIRMED: HealthProblem = {
  name: 'cluster',
  detail: 'meta-service does not answer: what is shown is what it said last',
};

/**
 * Health, from the services alive, the shards that have a leader, and what meta-service and journal-servers say of themselves.
 * @param isCurrent whether meta-service still confirms the snapshot
 */
export function clusterHealth(
  snapshot: ClusterSnapshot,
  storageProblems: readonly HealthProblem[],
  isCurrent: boolean,
): z.infer<typeof healthBody> {
  const problems: HealthProblem[] = isCurrent ? [] : [UNCONFIRMED];
  for (const kind of REQUIRED) {
    if (!snapshot.nodes.some((node) => node.kind === kind && node.live))
      problems.push({ name: 'service', detail: `no live ${kind}` });
  }
  const unavailable = problems.length > 0;
  for (const stream of snapshot.streams) {
    const leaderless = stream.shards.filter((shard) => shard.leader === null).length;
    if (leaderless > 0)
      problems.push({
        name: 'leader',
        detail: `stream ${stream.tenant}/${stream.name}: ${leaderless} of ${stream.shards.length} shards without leader`,
      });
    if (!stream.ownershipActive && stream.mqttFilter !== null) {
      problems.push({
        name: 'ownership',
        detail: `stream ${stream.tenant}/${stream.name}: ownership of ${stream.mqttFilter} not active yet`,
      });
    }
  }
  problems.push(...storageProblems);
  return { status: unavailable ? 'unavailable' : problems.length > 0 ? 'degraded' : 'healthy', problems };
}

/** The cluster at a glance. */
export function clusterOverview(
  snapshot: ClusterSnapshot,
  storageProblems: readonly HealthProblem[],
  isCurrent: boolean,
): z.infer<typeof overviewBody> {
  const services: Record<string, { live: number; known: number }> = {};
  for (const node of snapshot.nodes) {
    const row = (services[node.kind] ??= { live: 0, known: 0 });
    row.known += 1;
    if (node.live) row.live += 1;
  }
  const shards = snapshot.streams.flatMap((stream) => stream.shards);
  return {
    clusterId: snapshot.clusterId,
    revision: snapshot.revision,
    featureLevel: snapshot.featureLevel,
    health: clusterHealth(snapshot, storageProblems, isCurrent),
    services,
    streams: snapshot.streams.length,
    shards: {
      total: shards.length,
      withoutLeader: shards.filter((shard) => shard.leader === null).length,
      underReplicated: shards.filter((shard) => shard.isr.length < shard.replicas.length).length,
    },
    users: snapshot.users.length,
  };
}
