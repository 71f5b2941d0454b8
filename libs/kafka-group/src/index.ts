// The classic consumer-group coordinator as a pure core.
export { ConsumerGroup } from './consumer-group.ts';
export { MAX_PROTOCOLS } from './join.ts';
export { StoredRows } from './stored-rows.ts';
export {
  type GroupConfig,
  type GroupRecord,
  type JoinRequest,
  type JoinResult,
  type StoredRecord,
  type SyncRequest,
  type SyncResult,
} from './types.ts';
