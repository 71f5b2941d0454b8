// Who coordinates groups, read from the store: a few rows at a time, in a share of the loop that all questions have. A question
// may name hundreds of groups, and each row that was read costs as much as a small call (N8).
import { create } from '@bufbuild/protobuf';
import { GroupClaimSchema, type GroupClaim, type GroupKey } from '@robustmq/rpc';
import { decodeGroup } from '../data/groups.ts';
import { groupKey } from '../data/keys.ts';
import { dataFamily } from '../families.ts';
import type { Meta } from '../meta.ts';
import { isKey } from './data-batches.ts';

/** Rows that are asked for at once. */
export const ROWS_PER_READ = 64;

type Claims = (GroupClaim | undefined)[];

/** The claims as stored, in the order of the groups; live if their incarnation is; epoch -1 without one. */
export async function readClaims(meta: Meta, groups: readonly GroupKey[]): Promise<GroupClaim[]> {
  const claims: Claims = [];
  for (let from = 0; from < groups.length; from += ROWS_PER_READ) {
    if (meta.lookups.isSpent) await meta.lookups.yield();
    for (const claim of await readSome(meta, groups.slice(from, from + ROWS_PER_READ))) claims.push(claim);
  }
  return groups.map((group, place) => claims[place] ?? nobodys(group));
}

/** The claim of one group. */
export async function readClaim(meta: Meta, group: GroupKey): Promise<GroupClaim> {
  return (await readSome(meta, [group]))[0] ?? nobodys(group);
}

async function readSome(meta: Meta, groups: readonly GroupKey[]): Promise<Claims> {
  const claims: Claims = groups.map(() => undefined);
  const byFamily = new Map<string, { readonly keys: Buffer[]; readonly places: number[] }>();
  for (const [place, { tenant, groupId }] of groups.entries()) {
    // Nobody can have claimed a group whose id is none: one of them must not fail the others that are looked up with it.
    if (!isKey(tenant, idOf(groupId))) continue;
    const family = dataFamily(meta.dataGroupOf(tenant, groupId));
    const wanted = byFamily.get(family) ?? { keys: [], places: [] };
    byFamily.set(family, wanted);
    wanted.keys.push(groupKey(tenant, groupId));
    wanted.places.push(place);
  }
  for (const [family, { keys, places }] of byFamily) {
    for (const [at, row] of (await meta.store.getMany(family, keys)).entries()) {
      const claim = row === undefined ? undefined : decodeGroup(row).claim;
      if (claim === undefined) continue;
      const live = meta.leases.isLive(claim.coordinatorNodeId, claim.coordinatorIncarnation);
      claims[places[at] as number] = { ...claim, live };
    }
  }
  return claims;
}

/** The empty id is that of consumers which commit without a group of their own, as in Kafka. */
export const idOf = (groupId: string): string => (groupId === '' ? 'empty' : groupId);

const nobodys = (group: GroupKey): GroupClaim => create(GroupClaimSchema, { group, coordinatorEpoch: -1 });
