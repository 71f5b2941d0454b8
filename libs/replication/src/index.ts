// ISR and high watermark as a pure core (rules R1 to R5).

export { sameMember, type CommittedIsr, type IsrProposal, type Member } from './members.ts';
export { ShardLeader, type LeaderSink, type LeaderStart } from './leader.ts';
export { ShardFollower, truncationFor, type EpochEnd, type FollowerLog } from './follower.ts';
