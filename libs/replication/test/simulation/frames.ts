// What the processes of the simulation say to each other.

import type { EpochEnd } from '../../src/follower.ts';
import type { CommittedIsr, IsrProposal, Member } from '../../src/members.ts';
import type { Entry } from './replica-log.ts';

/** Name of the controller's process. */
export const CONTROLLER = 'controller';

/** The shard as the controller committed it. */
export interface ShardRow {
  /** Empty: nobody. */
  readonly leader: string;
  readonly leaderIncarnation: number;
  readonly leaderEpoch: number;
  readonly isr: CommittedIsr;
}

/** From a replica to the controller. */
export type Call =
  | {
      readonly kind: 'register';
      readonly nodeId: string;
      /** Of this process so far; 0: none. */
      readonly incarnation: number;
      readonly directoryId: number;
    }
  | { readonly kind: 'alter ISR'; readonly proposal: IsrProposal };

/** From the controller to a replica. */
export type Told =
  | { readonly kind: 'registered'; readonly incarnation: number }
  | { readonly kind: 'row'; readonly row: ShardRow }
  /** `conflict`: another version holds. `refused`: this one will never be applied, and was not. */
  | {
      readonly kind: 'altered';
      /** What it answers. */
      readonly proposal: IsrProposal;
      readonly outcome: 'committed' | 'conflict' | 'refused';
      readonly isr: CommittedIsr;
    };

/** From a follower to its leader. */
export interface Fetch {
  readonly leaderEpoch: number;
  readonly member: Member;
  readonly fromOffset: number;
  readonly latestEpoch: number;
  readonly durableEndOffset: number;
}

/** From a leader to its follower. */
export type Fetched =
  | { readonly kind: 'diverged'; readonly end: EpochEnd }
  | { readonly kind: 'records'; readonly entries: readonly Entry[]; readonly highWatermark: number };

/** Bugs that the simulation must find. */
export type Mutant =
  | 'none'
  | 'report what is not durable'
  | 'reuse the epoch after a restart'
  | 'elect outside of the ISR'
  | 'an empty disk stays in the ISR'
  | 'a log is not compared before it is continued';
