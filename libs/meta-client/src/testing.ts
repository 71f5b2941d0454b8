// What tests of other packages need: rows as the fakes of meta-service keep them.

export { type GroupRowChanges, type StoredGroup } from './group-port.ts';
export { type ReplicaView } from './model.ts';
