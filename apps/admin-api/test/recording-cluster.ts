// A cluster for tests of the HTTP API.

import { type BrokerError } from '@robustmq/errors';
import type { Cluster, ClusterSnapshot, HealthProblem, NodeOverview, StreamOverview } from '../src/ports.ts';

/** A server of a kind, as the cluster's view has it. */
export const node = (kind: NodeOverview['kind'], live = true): NodeOverview => ({
  nodeId: `${kind}-0`,
  kind,
  incarnation: 1,
  live,
  endpoints: { grpc: '127.0.0.1:1' },
  version: '0.1.0',
  registeredAtMs: 5,
});

/** A stream of one shard. */
export const stream = (over: Partial<StreamOverview> = {}): StreamOverview => ({
  streamId: 7,
  tenant: 'default',
  name: 'orders',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  mqttFilter: 'orders',
  ownershipActive: true,
  internal: false,
  config: { 'mqtt.filter': 'orders' },
  shards: [{ shard: 0, leader: 'journal-0', leaderEpoch: 3, replicas: ['journal-0'], isr: ['journal-0'] }],
  createdAtMs: 9,
  ...over,
});

/** One server of each kind that a healthy cluster has. */
export const healthy = [node('journal-server'), node('mqtt-gateway'), node('kafka-gateway')];

/** A healthy cluster with one stream, but for what is given. */
export const snapshotOf = (over: Partial<ClusterSnapshot> = {}): ClusterSnapshot => ({
  clusterId: 'c',
  revision: 12,
  featureLevel: { used: 1, known: 3 },
  nodes: healthy,
  streams: [stream()],
  users: [{ tenant: 'default', name: 'admin', superuser: true }],
  ...over,
});

/** A cluster in memory that records what was asked of it. */
export class RecordingCluster implements Cluster {
  current = snapshotOf();
  isReady = true;
  failing: HealthProblem[] = [];
  readonly calls: unknown[][] = [];
  failure: BrokerError | undefined;
  ready = (): boolean => this.isReady;
  snapshot = (): ClusterSnapshot => this.current;
  storageProblems = (): Promise<HealthProblem[]> => Promise.resolve(this.failing);
  #record(...call: unknown[]): void {
    if (this.failure !== undefined) throw this.failure;
    this.calls.push(call);
  }
  createStream: Cluster['createStream'] = (wanted) => {
    this.#record('createStream', wanted);
    return Promise.resolve(stream({ name: wanted.name }));
  };
  deleteStream: Cluster['deleteStream'] = (...call) => Promise.resolve(this.#record('deleteStream', ...call));
  putUser: Cluster['putUser'] = (...call) => Promise.resolve(this.#record('putUser', ...call));
  deleteUser: Cluster['deleteUser'] = (...call) => Promise.resolve(this.#record('deleteUser', ...call));
  raiseFeatureLevel: Cluster['raiseFeatureLevel'] = (level) => {
    this.#record('raiseFeatureLevel', level);
    this.current = snapshotOf({ featureLevel: { used: level, known: 3 } });
    return Promise.resolve();
  };
  listSessions: Cluster['listSessions'] = (...call) => {
    this.#record('listSessions', ...call);
    return Promise.resolve({ items: [], more: true });
  };
  dropSession: Cluster['dropSession'] = (tenant, clientId) => {
    this.#record('dropSession', tenant, clientId);
    return Promise.resolve({ tenant, clientId, connected: true, gateway: 'mqtt-1' });
  };
  reassignSession: Cluster['reassignSession'] = (...call) =>
    Promise.resolve(this.#record('reassignSession', ...call));
  listGroups: Cluster['listGroups'] = (...call) => {
    this.#record('listGroups', ...call);
    return Promise.resolve({
      items: [{ groupId: 'g', state: 'Stable', protocolType: 'consumer', coordinator: 'k' }],
      more: false,
    });
  };
}
