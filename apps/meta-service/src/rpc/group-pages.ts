// Reads the rows of a group, page by page: bounded in bytes, because an answer is one message, and in time per turn (N8).
import { create, fromBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  GroupMemberSchema,
  FetchOffsetsResponseSchema,
  GroupTargetSchema,
  OffsetRowSchema,
  ReadGroupRowsResponseSchema,
  type FetchOffsetsResponse,
  type GroupKey,
  type ReadGroupRowsResponse,
  type ShardRef,
} from '@robustmq/rpc';
import { afterPrefix, GROUP_ROW, groupRows, offsetKey, offsetsPrefix } from '../data/keys.ts';
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
  page.next = await readPage({ store, family, budget }, prefix, place, maxBytes, (key, value) => {
    const kind = String.fromCharCode(key[prefix.length] ?? 0);
    if (kind === GROUP_ROW.member) page.members.push(fromBinary(GroupMemberSchema, value));
    else if (kind === GROUP_ROW.target) page.targets.push(fromBinary(GroupTargetSchema, value));
  });
  return page;
}

/**
 * Committed offsets from a place on, until `maxBytes` are passed.
 * @throws BrokerError `invalid_argument` for a place outside the group
 */
export async function readOffsets(
  source: PageSource,
  { tenant, groupId }: Pick<GroupKey, 'tenant' | 'groupId'>,
  place: Uint8Array,
  maxBytes: number,
): Promise<FetchOffsetsResponse> {
  const page = create(FetchOffsetsResponseSchema);
  page.next = await readPage(source, offsetsPrefix(tenant, groupId), place, maxBytes, (_key, value) => {
    page.offsets.push(fromBinary(OffsetRowSchema, value));
  });
  return page;
}

/** Committed offsets of these shards, until `maxBytes` are passed; shards without one have none in the answer. */
export async function readOffsetsOf(
  { store, family, budget }: PageSource,
  { tenant, groupId }: Pick<GroupKey, 'tenant' | 'groupId'>,
  shards: readonly ShardRef[],
  maxBytes: number,
): Promise<FetchOffsetsResponse> {
  const answer = create(FetchOffsetsResponseSchema);
  let sizeBytes = 0;
  for (let from = 0; from < shards.length; from += READ_ROWS) {
    const asked = shards.slice(from, from + READ_ROWS);
    const keys = asked.map(({ streamId, shard }) => offsetKey(tenant, groupId, streamId, shard));
    for (const [at, row] of (await store.getMany(family, keys)).entries()) {
      if (sizeBytes >= maxBytes) {
        answer.unread = shards.length - from - at;
        return answer;
      }
      if (row === undefined) continue;
      if (budget.isSpent) await budget.yield();
      answer.offsets.push(fromBinary(OffsetRowSchema, row));
      sizeBytes += row.length;
    }
  }
  return answer;
}

/** Takes the rows of a prefix from a place on; answers where the next page begins, empty after the last row. */
async function readPage(
  { store, family, budget }: PageSource,
  prefix: Buffer,
  place: Uint8Array,
  maxBytes: number,
  take: (key: Buffer, value: Buffer) => void,
): Promise<Uint8Array> {
  let from = place.length === 0 ? prefix : Buffer.from(place);
  if (!from.subarray(0, prefix.length).equals(prefix))
    throw new BrokerError('invalid_argument', 'the place of a page lies in another group');
  for (let sizeBytes = 0; ;) {
    const found = await store.scan(family, { from, until: afterPrefix(prefix), limit: READ_ROWS });
    for (const { key, value } of found) {
      if (sizeBytes >= maxBytes) return key;
      if (budget.isSpent) await budget.yield();
      take(key, value);
      sizeBytes += key.length + value.length;
    }
    const last = found.at(-1);
    if (last === undefined || found.length < READ_ROWS) return new Uint8Array();
    from = Buffer.concat([last.key, Buffer.alloc(1)]);
  }
}
