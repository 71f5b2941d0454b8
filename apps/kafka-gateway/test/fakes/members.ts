// Members of classic groups, over the wire.

import { KAFKA_ERRORS, type JoinGroupRequestInput } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import type { WireClient } from './wire-client.ts';

export const JOIN = 11;
export const SYNC = 14;

/** A first JoinGroup of a consumer. */
export const joinOf = (options: Partial<JoinGroupRequestInput> = {}): JoinGroupRequestInput => ({
  groupId: 'g',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0x74]) }],
  ...options,
});

/** A stable group of one; answers the member's id. */
export async function member(
  client: WireClient,
  version = 9,
  options: Partial<JoinGroupRequestInput> = {},
): Promise<{ memberId: string; generationId: number }> {
  let joined = await client.call(JOIN, version, joinOf(options));
  if (joined.errorCode === KAFKA_ERRORS.MEMBER_ID_REQUIRED) {
    joined = await client.call(JOIN, version, joinOf({ ...options, memberId: joined.memberId }));
  }
  expect(kafkaErrorName(joined.errorCode)).toBe('NONE');
  const { memberId, generationId } = joined;
  expect(joined.leader).toBe(memberId);
  const assignments = [{ memberId, assignment: Buffer.from('mine') }];
  const synced = await client.call(SYNC, Math.min(version, 5), {
    groupId: options.groupId ?? 'g',
    generationId,
    memberId,
    protocolType: options.protocolType ?? 'consumer',
    protocolName: joined.protocolName,
    assignments,
  });
  expect([kafkaErrorName(synced.errorCode), String(synced.assignment)]).toEqual(['NONE', 'mine']);
  return { memberId, generationId };
}
