export { ClusterView } from './cluster-view.ts';
export { Incarnations } from './incarnations.ts';
export { LEASE_SAFETY_MS, LeaseKeeper, type LeaseOptions } from './lease.ts';
export {
  MetaClient,
  type MetaClientOptions,
  type NodeDescription,
  type Registration,
} from './meta-client.ts';
export {
  nodeView,
  streamView,
  toNumber,
  uuidText,
  type NodeView,
  type ReplicaView,
  type ShardView,
  type StreamView,
  type UserView,
  type ViewChange,
} from './model.ts';
