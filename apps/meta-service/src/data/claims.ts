// Claims: one incarnation holds something until another takes it from it, and the epoch tells the two apart (rule K2, I6). Used
// by consumer groups; whatever else one process works on at a time (shared subscriptions, wills, transactions) is claimed alike.
import { BrokerError } from '@robustmq/errors';
import type { NodeIdentity } from '@robustmq/rpc';

/** Who holds something. */
export interface Claim {
  readonly nodeId: string;
  readonly incarnation: bigint;
  readonly epoch: number;
}

/** What nobody has claimed yet. */
export const UNCLAIMED: Claim = { nodeId: '', incarnation: 0n, epoch: -1 };

/**
 * Compare-and-set on the epoch: the caller has seen that the claim of this epoch is dead, or is its own. Undefined if somebody
 * claimed since it looked.
 */
export function claim(
  current: Claim,
  expectedEpoch: number,
  node: Pick<NodeIdentity, 'nodeId' | 'incarnation'>,
): Claim | undefined {
  if (current.epoch !== expectedEpoch) return undefined;
  return { nodeId: node.nodeId, incarnation: node.incarnation, epoch: current.epoch + 1 };
}

/**
 * The epoch alone would not do: what is deleted and made anew begins again at epoch 0.
 * @throws BrokerError `not_coordinator` unless the claim is the caller's
 */
export function checkClaim(
  current: Claim,
  epoch: number,
  node: Pick<NodeIdentity, 'nodeId' | 'incarnation'> | undefined,
): void {
  const isHeld =
    current.epoch === epoch && current.nodeId === node?.nodeId && current.incarnation === node.incarnation;
  if (!isHeld) throw new BrokerError('not_coordinator', `the claim with epoch ${epoch} is over`);
}
