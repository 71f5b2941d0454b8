// Rows of a group: a member each for what it said of itself, a target each for what it is to have. A change touches only the rows
// that it names, so that a heartbeat of one member never costs the rows of ten thousand.
import { toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  GroupMemberSchema,
  GroupTargetSchema,
  CALL_LIMITS,
  type GroupKey,
  type PutGroupRowsRequest,
} from '@robustmq/rpc';
import type { ApplyView } from '../group-machine.ts';
import { afterPrefix, groupRows, memberKey, targetKey } from './keys.ts';

/** Writes what a coordinator changed. @throws BrokerError `too_large`, `invalid_argument`, with nothing changed */
export function changeGroupRows(
  view: ApplyView,
  { tenant, groupId }: GroupKey,
  { replace, members, targets, gone }: PutGroupRowsRequest,
): void {
  if (members.length + targets.length + gone.length > CALL_LIMITS.groupRows)
    throw new BrokerError('too_large', `at most ${CALL_LIMITS.groupRows} rows of a group at a time`);
  if (members.some(isNameless) || targets.some(isNameless) || gone.includes(''))
    throw new BrokerError('invalid_argument', 'a row of a group names its member');
  if (replace) dropGroupRows(view, { tenant, groupId });
  for (const memberId of gone) {
    view.delete(memberKey(tenant, groupId, memberId));
    view.delete(targetKey(tenant, groupId, memberId));
  }
  for (const member of members)
    view.put(memberKey(tenant, groupId, member.memberId), toBinary(GroupMemberSchema, member));
  for (const target of targets)
    view.put(targetKey(tenant, groupId, target.memberId), toBinary(GroupTargetSchema, target));
}

function isNameless({ memberId }: { readonly memberId: string }): boolean {
  return memberId === '';
}

/** Removes all members and targets. */
export function dropGroupRows(
  view: ApplyView,
  { tenant, groupId }: Pick<GroupKey, 'tenant' | 'groupId'>,
): void {
  const rows = groupRows(tenant, groupId);
  view.deleteRange(rows, afterPrefix(rows));
}
