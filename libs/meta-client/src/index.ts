// Client of meta-service: a watched view of the cluster, an incarnation of its own, the rows of consumer groups.

export { ClusterView } from './cluster-view.ts';
export { GroupStore } from './group-store.ts';
export type { CommittedOffset, GroupClaim, GroupStorePort, GroupSummary } from './group-port.ts';
export { Incarnations } from './incarnations.ts';
export { MetaClient, type NodeDescription, type Registration } from './meta-client.ts';
export { toNumber, uuidText, NodeView, type ShardView, StreamView, type ViewChange } from './model.ts';
