// Deletions that journal-servers have not carried out yet (rule N2): a directory removes files of a stream only because its
// row here names the directory, however long that was away.
import { create } from '@bufbuild/protobuf';
import {
  DeletedStreamSchema,
  type AcknowledgeDeletionsRequest,
  type NodeIdentity,
  type Stream,
} from '@robustmq/rpc';
import { BrokerError } from '@robustmq/errors';
import type { Steps } from '../steps.ts';
import type { ClusterDraft } from './draft.ts';
import { liveNode } from './live-node.ts';

/** Most deletions that wait for journal-servers: all of them are in memory, and one that is away for ever takes none (I8). */
export const MAX_WAITING_DELETIONS = 100_000;

/**
 * Notes that a stream was deleted, for every directory with a replica of it.
 * @throws BrokerError `quota_exceeded` while too many wait
 */
export function noteDeletion(draft: ClusterDraft, stream: Stream): void {
  if (draft.deletionCount >= MAX_WAITING_DELETIONS)
    throw new BrokerError(
      'quota_exceeded',
      `${MAX_WAITING_DELETIONS} deletions wait for journal-servers that are away: bring these back first`,
    );
  const { streamId, topicId } = stream;
  const replicas = stream.shards.flatMap((shard) => shard.replicas);
  const directoryIds = [...new Set(replicas.map((replica) => replica.directoryId))].sort();
  if (directoryIds.length === 0) return;
  draft.deletions.put(create(DeletedStreamSchema, { streamId, topicId, directoryIds }));
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

/**
 * The directory of a live node as registered: what a caller says of itself decides nothing.
 * @throws BrokerError `fenced`
 */
export function directoryOf(state: Parameters<typeof liveNode>[0], caller: NodeIdentity | undefined): string {
  return liveNode(state, caller).identity?.directoryId ?? '';
}
