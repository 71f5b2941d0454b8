// Deletions that journal-servers have not carried out yet (rule N2): a directory removes files of a stream only because its
// row here names the directory, however long that was away.
import { create } from '@bufbuild/protobuf';
import {
  DeletedStreamSchema,
  type AcknowledgeDeletionsRequest,
  type DeletedStream,
  type NodeIdentity,
  type Stream,
} from '@robustmq/rpc';
import type { Steps } from '../steps.ts';
import type { ClusterState } from './cluster-state.ts';
import type { ClusterDraft } from './draft.ts';
import { liveNode } from './live-node.ts';

/** Most deletions in one answer. */
export const MAX_DELETIONS_PER_ANSWER = 1_000;

/** Notes that a stream was deleted, for every directory with a replica of it. */
export function noteDeletion(draft: ClusterDraft, stream: Stream): void {
  const { streamId, topicId } = stream;
  const replicas = stream.shards.flatMap((shard) => shard.replicas);
  const directoryIds = [...new Set(replicas.map((replica) => replica.directoryId))].sort();
  if (directoryIds.length === 0) return;
  draft.deletions.put(create(DeletedStreamSchema, { streamId, topicId, directoryIds }));
}

/** What the directory of a live node may still hold. @throws BrokerError `fenced` */
export function deletionsOf(state: ClusterState, caller: NodeIdentity | undefined): DeletedStream[] {
  const directoryId = directoryOf(state, caller);
  return [...state.deletions.values()]
    .filter((deleted) => deleted.directoryIds.includes(directoryId))
    .sort((left, right) => left.streamId - right.streamId)
    .slice(0, MAX_DELETIONS_PER_ANSWER);
}

/** The caller's directory holds nothing of these streams any more. @throws BrokerError `fenced` */
export function* acknowledgeDeletions(
  draft: ClusterDraft,
  { node, streamIds }: AcknowledgeDeletionsRequest,
): Steps<void> {
  const directoryId = directoryOf(draft, node);
  for (const streamId of streamIds) {
    yield;
    const deleted = draft.deletions.get(streamId);
    if (deleted === undefined || !deleted.directoryIds.includes(directoryId)) continue;
    const directoryIds = deleted.directoryIds.filter((each) => each !== directoryId);
    if (directoryIds.length === 0) draft.deletions.delete(streamId);
    else draft.deletions.put({ ...deleted, directoryIds });
  }
}

/** As registered: what a caller says of itself decides nothing. */
function directoryOf(state: Parameters<typeof liveNode>[0], caller: NodeIdentity | undefined): string {
  return liveNode(state, caller).identity?.directoryId ?? '';
}
