// Periodic work at its limits (N8, N13): the longest names fit the commands of a log with the smallest frames, and what finds no
// room is tried again instead of ending the process.
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import {
  ClaimGroupRequestSchema,
  CommitOffsetsRequestSchema,
  DeleteStreamRequestSchema,
  ServiceKind,
  type ClaimGroupResponse,
  type NodeIdentity,
} from '@robustmq/rpc';
import { allOffsets, afterPrefix, owners } from '../src/data/keys.ts';
import { dataFamily } from '../src/families.ts';
import { CONTEXT, message, TestMeta } from './support/test-meta.ts';

/** That of the smallest file of the log. */
const MAX_FRAME_BYTES = 1024 * 1024;
const RETENTION_MS = 60_000;
const NAMES = 60;
const fatal: ErrorCode[] = [];

let world: TestMeta;
beforeEach(async () => {
  fatal.length = 0;
  world = await TestMeta.open({
    maxFrameBytes: MAX_FRAME_BYTES,
    offsetsRetentionMs: RETENTION_MS,
    onFatal: ({ code }) => void fatal.push(code),
  });
});
afterEach(() => world.remove());

/** As long as MQTT and Kafka let a name be. */
const longName = (n: number, length: number): string => `${n}-`.padEnd(length, 'x');

async function rowsUnder(prefix: Buffer): Promise<number> {
  const range = { from: prefix, until: afterPrefix(prefix), limit: 10_000 };
  let rows = 0;
  for (let group = 0; group < world.meta.dataGroups; group++)
    rows += (await world.store.scan(dataFamily(group), range)).length;
  return rows;
}

async function openLongSessions(node: NodeIdentity): Promise<void> {
  for (let n = 0; n < NAMES; n++) await world.openSession(node, { clientId: longName(n, 65_000) });
}

test('N13: sessions with the longest client ids are closed and expire', async () => {
  await openLongSessions(await world.gateway('gw'));
  const next = await world.gateway('gw');
  expect(next.incarnation).toBeGreaterThan(0n);
  await world.meta.reapSessions();
  expect(await rowsUnder(owners())).toBe(0);
  world.clock.advance(120_000);
  await world.meta.reapSessions();
  for (let n = 0; n < NAMES; n++)
    expect(await world.headOf({ tenant: 't', clientId: longName(n, 65_000) })).toBeUndefined();
});

describe('groups with the longest ids', () => {
  let node: NodeIdentity;

  async function commit(groupId: string, streamId: number): Promise<void> {
    const named = () => ({ node, group: { tenant: 't', groupId }, requestId: world.requestId(node) });
    const claim = message(ClaimGroupRequestSchema, named());
    const { claim: held } = (await world.groups.claimGroup(claim, CONTEXT)) as ClaimGroupResponse;
    const coordinatorEpoch = held?.coordinatorEpoch ?? -1;
    const offsets = [{ streamId, shard: 0, offset: 7n, leaderEpoch: 0, metadata: '' }];
    const init = { ...named(), coordinatorEpoch, offsets };
    await world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT);
  }

  beforeEach(async () => {
    await world.journal();
    node = (await world.register('kafka-1', ServiceKind.KAFKA_GATEWAY)).identity!;
  });

  test('N13: their offsets of a deleted stream go', async () => {
    const { streamId } = await world.createStream('s');
    for (let n = 0; n < NAMES; n++) await commit(longName(n, 32_000), streamId);
    const init = { requestId: world.requestId(node), tenant: 'default', name: 's', streamId };
    await world.cluster.deleteStream(message(DeleteStreamRequestSchema, init), CONTEXT);
    await world.meta.reapGroups();
    expect(await rowsUnder(allOffsets())).toBe(0);
  });

  test('N13: they expire', async () => {
    for (let n = 0; n < NAMES; n++) await commit(longName(n, 32_000), 1);
    world.clock.advance(2 * RETENTION_MS);
    await world.meta.reapGroups();
    expect(await rowsUnder(allOffsets())).toBe(0);
  });
});

test.each<[ErrorCode, boolean]>([
  ['storage_full', false],
  ['quota_exceeded', false],
  ['unavailable', false],
  ['storage_failed', true],
])('L6: periodic work that meets %s ends the process: %s', async (code, ends) => {
  let runs = 0;
  const ran = Promise.withResolvers<void>();
  world.meta.endExpiredLeases = () => {
    if (++runs === 2) ran.resolve();
    return Promise.reject(new BrokerError(code, 'scripted'));
  };
  world.meta.start();
  await ran.promise;
  expect(fatal).toEqual(ends ? [code] : []);
});
