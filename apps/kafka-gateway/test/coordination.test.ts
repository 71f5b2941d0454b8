// Who coordinates a group, and what becomes of it when that changes (K2, F1).

import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { JOIN, SYNC, joinOf, member } from './fakes/members.ts';

const COMMIT = 8;
const FIND = 10;
const HEARTBEAT = 12;
const DESCRIBE = 15;
const DELETE = 42;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  ({ running, client } = await RunningGateway.withClient(options));
  running.meta.add('t', 3);
}

afterEach(() => running.stop());

describe('coordination (K2, F1)', () => {
  const other = { nodeId: 'kafka-2', coordinatorEpoch: 7, live: true };

  test.each([0, 1, 2, 3, 4, 5, 6])('FindCoordinator version %i', async (version) => {
    await start();
    const found = await client.call(
      FIND,
      version,
      version < 4 ? { key: 'g' } : { coordinatorKeys: ['g', ''] },
    );
    const mine = { nodeId: 1, host: '127.0.0.1', port: running.port, errorCode: 0 };
    if (version < 4) expect(found).toMatchObject(mine);
    else
      expect(found.coordinators).toMatchObject([
        { key: 'g', ...mine },
        { key: '', ...mine },
      ]);
    // librdkafka repeats the question after any other code, without end.
    const errorCode = KAFKA_ERRORS.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    const transactional = await client.call(
      FIND,
      version,
      version < 4 ? { key: 'x', keyType: version === 0 ? 0 : 1 } : { coordinatorKeys: ['x'], keyType: 1 },
    );
    if (version >= 4) expect(transactional.coordinators[0]).toMatchObject({ errorCode });
    else if (version > 0) expect(transactional.errorCode).toBe(errorCode);
  });

  test('the live claim is answered, the hint only when there is none', async () => {
    await start();
    running.meta.live.push({ nodeId: 'kafka-2', incarnation: 1, number: 2, address: 'two:9092', rack: null });
    running.store.group('g').claim = other;
    const find = async () => (await client.call(FIND, 4, { coordinatorKeys: ['g'] })).coordinators[0];
    expect(await find()).toMatchObject({ nodeId: 2, host: 'two', port: 9092 });
    running.store.group('g').claim = { ...other, live: false };
    const hint = await find();
    running.store.groups.delete('g');
    expect(await find()).toEqual(hint);
    running.store.error = new BrokerError('unavailable', '');
    expect(kafkaErrorName((await find())?.errorCode ?? 0)).toBe('COORDINATOR_NOT_AVAILABLE');
  });

  test('a group that another live gateway holds is refused', async () => {
    await start();
    running.store.group('g').claim = other;
    const refused = 'NOT_COORDINATOR';
    expect(kafkaErrorName((await client.call(JOIN, 9, joinOf())).errorCode)).toBe(refused);
    expect(
      kafkaErrorName(
        (await client.call(HEARTBEAT, 4, { groupId: 'g', generationId: 1, memberId: 'm' })).errorCode,
      ),
    ).toBe(refused);
    expect(
      kafkaErrorName((await client.call(DESCRIBE, 5, { groups: ['g'] })).groups[0]?.errorCode ?? 0),
    ).toBe(refused);
    expect(
      kafkaErrorName((await client.call(DELETE, 2, { groupsNames: ['g'] })).results[0]?.errorCode ?? 0),
    ).toBe(refused);
  });

  test('a restarted gateway takes the group up where it was: no rebalance', async () => {
    await start();
    const { memberId, generationId } = await member(client);
    running.gateway.groups.resignAll();
    expect(running.gateway.groups.groupCount).toBe(0);
    expect((await client.call(HEARTBEAT, 4, { groupId: 'g', generationId, memberId })).errorCode).toBe(0);
    expect(running.store.group('g').claim.coordinatorEpoch).toBe(2);
    const described = (await client.call(DESCRIBE, 5, { groups: ['g'] })).groups[0];
    expect(described).toMatchObject({ groupState: 'Stable', protocolData: 'range' });
    expect(String(described?.members[0]?.memberAssignment)).toBe('mine');
  });

  test('the loss of the lease sends waiting members away', async () => {
    await start({ groups: { initialRebalanceDelayMs: 10_000 } });
    const waiting = client.call(JOIN, 3, joinOf());
    while (running.gateway.groups.loaded('g')?.group.state !== 'PreparingRebalance')
      await new Promise((resolve) => setImmediate(resolve));
    running.gateway.groups.resignAll();
    expect(kafkaErrorName((await waiting).errorCode)).toBe('NOT_COORDINATOR');
  });

  test('a coordinator that was fenced lets the group go', async () => {
    await start();
    const { memberId, generationId } = await member(client);
    running.store.group('g').claim = other;
    const commit = {
      groupId: 'g',
      generationIdOrMemberEpoch: generationId,
      memberId,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
    };
    const response = await client.call(COMMIT, 9, commit);
    expect(kafkaErrorName(response.topics[0]?.partitions[0]?.errorCode ?? 0)).toBe('NOT_COORDINATOR');
    expect(running.gateway.groups.loaded('g')).toBeUndefined();
  });

  test('an assignment that cannot be stored is given to nobody', async () => {
    await start();
    const joined = await client.call(JOIN, 3, joinOf());
    running.store.writeError = new BrokerError('deadline_exceeded', '');
    const { memberId, generationId } = joined;
    const synced = await client.call(SYNC, 3, {
      groupId: 'g',
      generationId,
      memberId,
      assignments: [{ memberId, assignment: Buffer.from('x') }],
    });
    expect(kafkaErrorName(synced.errorCode)).toBe('COORDINATOR_NOT_AVAILABLE');
  });

  test('a store that is away is an error to retry, and the next request tries again', async () => {
    await start();
    running.store.error = new BrokerError('unavailable', '');
    expect(kafkaErrorName((await client.call(JOIN, 9, joinOf())).errorCode)).toBe(
      'COORDINATOR_NOT_AVAILABLE',
    );
    running.store.error = undefined;
    await member(client);
  });

  test('groups are bounded (I8)', async () => {
    await start({ maxGroups: 1 });
    await member(client);
    expect(kafkaErrorName((await client.call(JOIN, 9, joinOf({ groupId: 'h' }))).errorCode)).toBe(
      'COORDINATOR_NOT_AVAILABLE',
    );
  });
});
