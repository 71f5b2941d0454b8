// The feature level: what the whole cluster may use (N17). A build knows levels up to its own; the cluster is raised by a command,
// so that an upgrade can be rolled back until somebody says that it stays.
import { BrokerError } from '@robustmq/errors';
import type { RaiseFeatureLevelRequest, RegisterNodeRequest } from '@robustmq/rpc';
import type { ClusterDraft } from './draft.ts';

/** @throws BrokerError `unsupported` for a node whose build does not know what the cluster uses already */
export function checkFeatureLevel(
  { meta }: ClusterDraft,
  { nodeId, featureLevel }: RegisterNodeRequest,
): void {
  const { featureLevel: used } = meta;
  if (featureLevel < used)
    throw new BrokerError(
      'unsupported',
      `${nodeId} knows feature level ${featureLevel}, the cluster uses ${used}: start a newer version`,
    );
}

/** Raises the level. @throws BrokerError `conflict` naming a live node that does not know it, `out_of_range` downwards */
export function raiseFeatureLevel({ meta, nodes }: ClusterDraft, { level }: RaiseFeatureLevelRequest): void {
  if (level === meta.featureLevel) return;
  if (level < meta.featureLevel)
    throw new BrokerError('out_of_range', `the cluster uses feature level ${meta.featureLevel} already`);
  for (const node of nodes.values()) {
    if (node.live && node.featureLevel < level)
      throw new BrokerError(
        'conflict',
        `${node.identity?.nodeId ?? ''} knows feature level ${node.featureLevel} only: upgrade it first`,
      );
  }
  meta.featureLevel = level;
}
