// Reads the deletions that a directory has not carried out, page by page: of 100,000 that wait for others, a journal-server finds
// its own without a long turn (N8), also behind those that it keeps for a reason.
import { fromBinary } from '@bufbuild/protobuf';
import { DeletedStreamSchema, type DeletedStream, type ListDeletionsRequest } from '@robustmq/rpc';
import { directoryOf } from '../cluster/deletions.ts';
import { ROW_KINDS, storeKey } from '../cluster/row-kinds.ts';
import { afterPrefix } from '../data/keys.ts';
import { CLUSTER_FAMILY } from '../families.ts';
import type { Meta } from '../meta.ts';

/** Rows that one answer looks at. */
export const DELETIONS_PER_PAGE = 1_000;

/** A page, as the response says it. @throws BrokerError `fenced` */
export async function readDeletions(
  meta: Meta,
  { node, afterStreamId }: Pick<ListDeletionsRequest, 'node' | 'afterStreamId'>,
): Promise<{ streams: DeletedStream[]; nextAfterStreamId: number; revision: bigint }> {
  const directoryId = directoryOf(meta.state, node);
  await meta.readIndex();
  // A journal asks because a watch showed it the deletion: not found now, its files would stay.
  await meta.stored();
  const { letter } = ROW_KINDS.deletions;
  const rows = await meta.store.scan(CLUSTER_FAMILY, {
    from: storeKey(letter, afterStreamId + 1),
    until: afterPrefix(Buffer.from(`${letter}/`)),
    limit: DELETIONS_PER_PAGE,
  });
  // Behind the read: what it found is in no later revision.
  const { revision } = meta.state.meta;
  const budget = meta.turnBudget();
  const streams: DeletedStream[] = [];
  let lastStreamId = 0;
  for (const { value } of rows) {
    if (budget.isSpent) await budget.yield();
    const deleted = fromBinary(DeletedStreamSchema, value);
    lastStreamId = deleted.streamId;
    if (deleted.directoryIds.includes(directoryId)) streams.push(deleted);
  }
  return { streams, nextAfterStreamId: rows.length < DELETIONS_PER_PAGE ? 0 : lastStreamId, revision };
}
