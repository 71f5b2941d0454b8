// Who may speak: only the live incarnation of a node (rule F1, I6).
import { BrokerError } from '@robustmq/errors';
import type { Node, NodeIdentity } from '@robustmq/rpc';

/** The live row of a caller. @throws BrokerError `fenced` when its incarnation is over. */
export function liveNode(
  state: { readonly nodes: { get(nodeId: string): Node | undefined } },
  identity: NodeIdentity | undefined,
): Node {
  const node = identity === undefined ? undefined : state.nodes.get(identity.nodeId);
  if (node?.live !== true || node.identity?.incarnation !== identity?.incarnation) {
    throw new BrokerError(
      'fenced',
      `incarnation ${identity?.incarnation ?? 0n} of ${identity?.nodeId ?? '(none)'} has ended`,
    );
  }
  return node;
}
