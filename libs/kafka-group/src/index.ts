// The classic consumer-group coordinator as a pure core.
export { ConsumerGroup } from './consumer-group.ts';
export { subscribedTopics } from './subscription.ts';
export {
  DEFAULT_GROUP_CONFIG,
  type DescribedMember,
  type GroupConfig,
  type GroupDescription,
  type GroupError,
  type GroupRecord,
  type GroupSink,
  type GroupStateName,
  type JoinedMember,
  type JoinRequest,
  type JoinResult,
  type MemberIdentity,
  type Protocol,
  type SyncRequest,
  type SyncResult,
} from './types.ts';
