// Members of classic groups over the wire, and the versions of their APIs. The core's rules have their own tests.

import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { JOIN, SYNC, joinOf, member } from './fakes/members.ts';

const HEARTBEAT = 12;
const LEAVE = 13;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  ({ running, client } = await RunningGateway.withClient(options));
  running.meta.add('t', 3);
}

afterEach(() => running.stop());

describe('members', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'JoinGroup version %i to a stable group, heartbeat and leave',
    async (version) => {
      await start();
      const { memberId, generationId } = await member(client, version);
      expect(memberId.startsWith('wire-client-')).toBe(true);
      const beat = () =>
        client.call(HEARTBEAT, Math.min(version, 4), { groupId: 'g', generationId, memberId });
      expect((await beat()).errorCode).toBe(0);
      const leaveVersion = Math.min(version, 5);
      const left = await client.call(LEAVE, leaveVersion, {
        groupId: 'g',
        ...(leaveVersion < 3
          ? { memberId }
          : {
              members: [
                { memberId, groupInstanceId: null },
                { memberId: 'nobody', groupInstanceId: null },
              ],
            }),
      });
      expect(left.errorCode).toBe(0);
      if (leaveVersion >= 3)
        expect(left.members.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual([
          'NONE',
          'UNKNOWN_MEMBER_ID',
        ]);
      expect(kafkaErrorName((await beat()).errorCode)).toBe('UNKNOWN_MEMBER_ID');
    },
  );

  test('from version 4 on a member gets its id first (KIP-394)', async () => {
    await start();
    const first = await client.call(JOIN, 4, joinOf());
    expect([kafkaErrorName(first.errorCode), first.generationId]).toEqual(['MEMBER_ID_REQUIRED', -1]);
    expect((await client.call(JOIN, 3, joinOf({ groupId: 'old' }))).errorCode).toBe(0);
  });

  test('a static member keeps its place over a restart (KIP-345, KIP-814)', async () => {
    await start();
    const { memberId, generationId } = await member(client, 9, { groupInstanceId: 'i1' });
    expect(memberId.startsWith('i1-')).toBe(true);
    const again = await client.call(JOIN, 9, joinOf({ groupInstanceId: 'i1' }));
    expect(again).toMatchObject({ errorCode: 0, generationId, skipAssignment: true });
    const stale = await client.call(HEARTBEAT, 4, {
      groupId: 'g',
      generationId,
      memberId,
      groupInstanceId: 'i1',
    });
    expect(kafkaErrorName(stale.errorCode)).toBe('FENCED_INSTANCE_ID');
  });

  test('silence ends a session by the clock of the gateway', async () => {
    await start();
    const { memberId, generationId } = await member(client, 9, { sessionTimeoutMs: 150 });
    let error = 'NONE';
    while (error === 'NONE') {
      await new Promise((resolve) => setTimeout(resolve, 300));
      error = kafkaErrorName(
        (await client.call(HEARTBEAT, 4, { groupId: 'g', generationId, memberId })).errorCode,
      );
    }
    expect(error).toBe('UNKNOWN_MEMBER_ID');
    expect(running.store.puts.at(-1)).toBe('g Empty');
  });

  test('a waiting member whose connection ends is not waited for without end', async () => {
    await start();
    const { memberId } = await member(client, 9, { sessionTimeoutMs: 300, rebalanceTimeoutMs: 20_000 });
    const other = await running.client();
    // A second member starts a rebalance and waits for the first; then its connection is gone.
    const id = (await other.call(JOIN, 9, joinOf())).memberId;
    other.send(JOIN, 9, joinOf({ memberId: id, sessionTimeoutMs: 300 }));
    while (running.gateway.groups.loaded('g')?.group.state === 'Stable')
      await new Promise((resolve) => setImmediate(resolve));
    other.close();
    const joined = await client.call(
      JOIN,
      9,
      joinOf({ memberId, sessionTimeoutMs: 300, rebalanceTimeoutMs: 20_000 }),
    );
    expect(joined.members.map((one) => one.memberId)).toEqual([memberId]);
  });

  test.each([
    ['JoinGroup', JOIN, joinOf({ groupId: '' }), 'INVALID_GROUP_ID'],
    ['JoinGroup of an unknown group', JOIN, joinOf({ groupId: 'new', memberId: 'm' }), 'UNKNOWN_MEMBER_ID'],
    ['JoinGroup with a short session', JOIN, joinOf({ sessionTimeoutMs: 1 }), 'INVALID_SESSION_TIMEOUT'],
  ] as const)('%s is refused', async (_name, _api, request, error) => {
    await start();
    const refused = await client.call(JOIN, 9, request);
    expect([kafkaErrorName(refused.errorCode), refused.protocolName]).toEqual([error, null]);
    expect((await client.call(JOIN, 6, request)).protocolName).toBe('');
  });

  test('requests for a group that never was make none', async () => {
    await start();
    const identity = { groupId: 'x', generationId: 1, memberId: 'm' };
    expect(kafkaErrorName((await client.call(HEARTBEAT, 4, identity)).errorCode)).toBe('UNKNOWN_MEMBER_ID');
    expect(kafkaErrorName((await client.call(SYNC, 4, { ...identity, assignments: [] })).errorCode)).toBe(
      'UNKNOWN_MEMBER_ID',
    );
    const members = [{ memberId: 'm' }, { memberId: '', groupInstanceId: 'i' }];
    const left = await client.call(LEAVE, 5, { groupId: 'x', members });
    expect(left.errorCode).toBe(0);
    expect(left.members.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual([
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
    ]);
    expect(kafkaErrorName((await client.call(LEAVE, 2, { groupId: 'x', memberId: 'm' })).errorCode)).toBe(
      'UNKNOWN_MEMBER_ID',
    );
    expect(running.store.groups.size).toBe(0);
  });
});
