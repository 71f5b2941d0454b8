// Reads the rows of a group, page by page: bounded in bytes, because an answer is one message, and in time per turn (N8).
import { create, fromBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  GroupMemberSchema,
  GroupTargetSchema,
  ReadGroupRowsResponseSchema,
  type GroupKey,
  type ReadGroupRowsResponse,
} from '@robustmq/rpc';
import { afterPrefix, GROUP_ROW, groupRows } from '../data/keys.ts';
import type { PageSource } from './session-pages.ts';

/** Rows per read of the store. One of them may be large, so it is not many. */
const READ_ROWS = 64;

/**
 * Members and targets from a place on, until `maxBytes` are passed.
 * @throws BrokerError `invalid_argument` for a place outside the group
 */
export async function readGroupRows(
  { store, family, budget }: PageSource,
  { tenant, groupId }: Pick<GroupKey, 'tenant' | 'groupId'>,
  place: Uint8Array,
  maxBytes: number,
): Promise<ReadGroupRowsResponse> {
  const page = create(ReadGroupRowsResponseSchema);
  const prefix = groupRows(tenant, groupId);
  let from = place.length === 0 ? prefix : Buffer.from(place);
  if (!from.subarray(0, prefix.length).equals(prefix))
    throw new BrokerError('invalid_argument', 'the place of a page lies in another group');
  for (let sizeBytes = 0; ;) {
    const found = await store.scan(family, { from, until: afterPrefix(prefix), limit: READ_ROWS });
    for (const { key, value } of found) {
      if (sizeBytes >= maxBytes) {
        page.next = key;
        return page;
      }
      if (budget.isSpent) await budget.yield();
      const kind = String.fromCharCode(key[prefix.length] ?? 0);
      if (kind === GROUP_ROW.member) page.members.push(fromBinary(GroupMemberSchema, value));
      else if (kind === GROUP_ROW.target) page.targets.push(fromBinary(GroupTargetSchema, value));
      sizeBytes += key.length + value.length;
    }
    const last = found.at(-1);
    if (last === undefined || found.length < READ_ROWS) return page;
    from = Buffer.concat([last.key, Buffer.alloc(1)]);
  }
}
