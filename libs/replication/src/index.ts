// ISR and high watermark as a pure core (rules R1 to R5).

export { type CommittedIsr, type IsrProposal, type Member } from './members.ts';
export { ShardFollower } from './follower.ts';
export { ShardLeader, type LeaderSink } from './leader.ts';
