// Groups as operators see them: described, listed and deleted.

import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { member } from './fakes/members.ts';

const COMMIT = 8;
const LEAVE = 13;
const DESCRIBE = 15;
const LIST = 16;
const DELETE = 42;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  ({ running, client } = await RunningGateway.withClient(options));
  running.meta.add('t', 3);
}

afterEach(() => running.stop());

describe('operators', () => {
  test.each([0, 1, 2, 3, 4, 5, 6])('DescribeGroups version %i', async (version) => {
    await start();
    const { memberId } = await member(client);
    const response = await client.call(DESCRIBE, version, { groups: ['g', 'never'] });
    expect(response.groups[0]).toMatchObject({
      errorCode: 0,
      groupState: 'Stable',
      protocolType: 'consumer',
      members: [{ memberId, clientHost: '/127.0.0.1' }],
    });
    expect(response.groups[1]).toMatchObject({
      groupState: 'Dead',
      errorCode: version >= 6 ? KAFKA_ERRORS.GROUP_ID_NOT_FOUND : 0,
    });
    expect((await client.call(DESCRIBE, version, { groups: ['g', 'g', 'g'] })).groups).toHaveLength(1);
  });

  test.each([0, 1, 2, 3, 4, 5])('ListGroups version %i: what this gateway coordinates', async (version) => {
    await start();
    await member(client);
    running.store.group('elsewhere').claim = { nodeId: 'kafka-2', coordinatorEpoch: 1, live: true };
    running.store.group('orphan').claim = { nodeId: 'kafka-2', coordinatorEpoch: 1, live: false };
    const { groups } = await client.call(LIST, version, {});
    expect(groups.map(({ groupId }) => groupId)).toEqual(['g', 'orphan']);
    expect(groups[0]).toMatchObject({
      protocolType: 'consumer',
      ...(version >= 4 ? { groupState: 'Stable' } : {}),
    });
  });

  test('ListGroups filters by state and type', async () => {
    await start();
    await member(client);
    running.store.group('orphan').claim = { nodeId: 'x', coordinatorEpoch: 1, live: false };
    const list = async (filter: object) =>
      (await client.call(LIST, 5, filter)).groups.map(({ groupId }) => groupId);
    expect(await list({ statesFilter: ['stable'] })).toEqual(['g']);
    expect(await list({ statesFilter: ['Empty'] })).toEqual(['orphan']);
    expect(await list({ typesFilter: ['Classic'] })).toEqual(['g', 'orphan']);
    expect(await list({ typesFilter: ['consumer'] })).toEqual([]);
    running.store.error = new BrokerError('unavailable', '');
    expect((await client.call(LIST, 5, {})).errorCode).toBe(KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE);
  });

  test('N12: the group with the empty id that a simple consumer made is listed, described and deleted', async () => {
    await start();
    const topics = [
      { name: 't', partitions: [{ partitionIndex: 1, committedOffset: 42, committedMetadata: '' }] },
    ];
    await client.call(COMMIT, 9, { groupId: '', topics });
    const { groups } = await client.call(LIST, 5, {});
    expect(groups.map(({ groupId }) => groupId)).toEqual(['']);
    const described = await client.call(DESCRIBE, 6, { groups: [''] });
    expect(described.groups).toMatchObject([{ groupId: '', errorCode: 0, groupState: 'Empty' }]);
    const deleted = await client.call(DELETE, 2, { groupsNames: [''] });
    expect(deleted.results).toMatchObject([{ groupId: '', errorCode: 0 }]);
    expect((await client.call(LIST, 5, {})).groups).toEqual([]);
  });

  test('DeleteGroups only of empty groups', async () => {
    await start();
    const { memberId } = await member(client);
    const remove = async (groupId: string) =>
      kafkaErrorName((await client.call(DELETE, 2, { groupsNames: [groupId] })).results[0]?.errorCode ?? 0);
    expect(await remove('g')).toBe('NON_EMPTY_GROUP');
    expect(await remove('never')).toBe('GROUP_ID_NOT_FOUND');
    expect(await remove('')).toBe('GROUP_ID_NOT_FOUND');
    await client.call(LEAVE, 5, { groupId: 'g', members: [{ memberId, groupInstanceId: null }] });
    running.store.writeError = new BrokerError('unavailable', '');
    expect(await remove('g')).toBe('COORDINATOR_NOT_AVAILABLE');
    running.store.writeError = undefined;
    expect(await remove('g')).toBe('NONE');
    expect(running.store.groups.has('g')).toBe(false);
    await member(client);
  });
});
