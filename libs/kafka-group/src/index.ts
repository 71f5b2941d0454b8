// The classic consumer-group coordinator as a pure core.
export { ConsumerGroup } from './consumer-group.ts';
export {
  DEFAULT_GROUP_CONFIG,
  type GroupConfig,
  type GroupError,
  type JoinRequest,
  type JoinResult,
  type SyncRequest,
  type SyncResult,
} from './types.ts';
