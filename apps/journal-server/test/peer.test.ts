// A journal-server that follows a shard led here (rules R1, R4, R5): its reports decide what is answered, marks come back, and
// what is not served yet is refused in words.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { JournalClient } from '@robustmq/journal-client';
import {
  createClient,
  ExchangeRequestSchema,
  fromFailure,
  type HelloSchema,
  JournalService,
  ServiceKind,
  type ExchangeResponse,
} from '@robustmq/rpc';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf } from './records.ts';
import {
  CREDENTIALS,
  NODE_ID,
  REPLICA,
  startJournal,
  until,
  type RunningJournal,
} from './running-journal.ts';

const PEER = { nodeId: 'journal-2', incarnation: 7n, directoryId: 'directory-2' };
const PEER_MEMBER = { nodeId: PEER.nodeId, incarnation: 7 };
const SELF_MEMBER = { nodeId: NODE_ID, incarnation: 1 };

type Frame = Exclude<MessageInitShape<typeof ExchangeRequestSchema>['frame'], undefined>;

let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;
let client: JournalClient;
const closing: (() => void)[] = [];

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(1, REPLICA);
  cluster.create(2, REPLICA);
  running = await startJournal({ dataDirectory, cluster, incarnation: 1 });
  client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'the journal');
  const replicas = [REPLICA, { nodeId: PEER.nodeId, directoryId: PEER.directoryId }];
  cluster.alterShard(1, 0, { replicas, isr: [SELF_MEMBER, PEER_MEMBER], isrVersion: 10 });
});

afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

/** What one end of an Exchange stream hears. */
class Peer {
  readonly frames: ExchangeResponse['frame'][] = [];
  error: string | undefined;
  readonly #calls = createClient(JournalService, { address: running.address, credentials: CREDENTIALS });
  readonly #stream = this.#calls.exchange();

  constructor(hello: MessageInitShape<typeof HelloSchema> = { peer: PEER, kind: ServiceKind.JOURNAL }) {
    closing.push(() => this.#calls.close());
    this.#stream.on('data', (response) => this.frames.push(response.frame));
    this.#stream.on('error', (error) => (this.error = error.message));
    this.send({ case: 'hello', value: hello });
  }

  send(frame: Frame): void {
    this.#stream.write(create(ExchangeRequestSchema, { frame }));
  }

  report(offset: number, more: { streamId?: number; shard?: number; leaderEpoch?: number } = {}): void {
    const report = { streamId: 1, shard: 0, leaderEpoch: 0, durableLogEndOffset: BigInt(offset), ...more };
    this.send({ case: 'report', value: { reports: [report] } });
  }

  /** `[HW, LEO]` of shard 1-0, as told one after the other. */
  get marks(): number[][] {
    return this.frames.flatMap((frame) =>
      frame.case === 'marks'
        ? frame.value.marks.map((marks) => [Number(marks.highWatermark), Number(marks.logEndOffset)])
        : [],
    );
  }

  get refusals(): (string | undefined)[] {
    return this.frames.flatMap((frame) =>
      frame.case === 'marks' ? frame.value.refused.map(({ failure }) => fromFailure(failure)?.code) : [],
    );
  }
}

function produce(value: string, answers: string[]): void {
  const batch = batchOf([value]);
  client.produce({ streamId: 1, shard: 0, batch, acks: -1, timeoutMs: 30_000 }, (error, outcome) =>
    answers.push(error?.code ?? String(outcome!.baseOffset)),
  );
}

test('R1, R4: what the follower has reported is acknowledged, and it hears HW and LEO alone', async () => {
  const answers: string[] = [];
  const peer = new Peer();
  peer.report(0);
  await until(() => peer.marks.length === 1, 'the answer to the report');
  produce('x', answers);
  // First that there is more, then, once it is reported, that it is committed.
  await until(() => peer.marks.some(([, logEndOffset]) => logEndOffset === 1), 'word of the record');
  expect(answers).toEqual([]);
  peer.report(1);
  await until(() => answers.length === 1, 'the acknowledgement');
  await until(() => peer.marks.at(-1)?.[0] === 1, 'the high watermark');
  expect([answers, peer.marks.at(-1), peer.refusals]).toEqual([['0'], [1, 1], []]);
});

test('an idle shard costs no frame, and one that is not followed is never told of', async () => {
  const peer = new Peer();
  peer.report(0);
  await until(() => peer.marks.length === 1, 'the answer to the report');
  const done = new Promise((resolve) => {
    const batch = batchOf(['y']);
    client.produce({ streamId: 2, shard: 0, batch, acks: -1, timeoutMs: 5_000 }, resolve);
  });
  expect(await done).toBeUndefined();
  peer.report(0);
  await until(() => peer.marks.length === 2, 'the answer to the next report');
  expect(peer.frames.filter(({ case: kind }) => kind === 'marks')).toHaveLength(2);
});

test.each([
  ['of a shard in which it has no copy', 0, { streamId: 2 }, 'permission_denied'],
  ['beyond the log', 1, {}, 'out_of_range'],
  ['of a negative offset', -1, {}, 'out_of_range'],
  ['under an epoch of the future', 0, { leaderEpoch: 9 }, 'unknown_epoch'],
  ['of no stream', 0, { streamId: 99 }, 'not_found'],
])('a report %s counts for nothing and says why', async (_name, offset, more, code) => {
  const peer = new Peer();
  peer.report(offset, more);
  await until(() => peer.refusals.length === 1, 'the refusal');
  expect([peer.refusals, peer.marks, peer.error]).toEqual([[code], [], undefined]);
});

test('R3: a report under an epoch that is over is refused, under the new one it counts', async () => {
  cluster.reelect();
  const peer = new Peer();
  peer.report(0, { leaderEpoch: 0 });
  peer.report(0, { leaderEpoch: 1 });
  await until(() => peer.marks.length === 1, 'both answers');
  expect(peer.refusals).toEqual(['stale_epoch']);
});

test('R5: another run of the follower is asked into the ISR in the place of the one that is listed', async () => {
  const peer = new Peer({ peer: { ...PEER, incarnation: 8n }, kind: ServiceKind.JOURNAL });
  peer.report(0);
  await until(() => cluster.streams.get(1)!.shards[0]!.isrVersion === 11, 'another ISR');
  expect(cluster.streams.get(1)!.shards[0]!.isr).toEqual([SELF_MEMBER, { ...PEER_MEMBER, incarnation: 8 }]);
});

test('F1: a follower whose lease has ended is cut off, and not greeted again', async () => {
  const peer = new Peer();
  await until(() => peer.frames.length === 1, 'the greeting');
  cluster.ended.set(PEER.nodeId, 7);
  cluster.changed();
  await until(() => peer.error !== undefined, 'the end of the stream');
  const again = new Peer();
  await until(() => again.error !== undefined, 'the refusal');
  expect([peer.error, again.error]).toEqual([
    expect.stringContaining('lease'),
    expect.stringContaining('lease'),
  ]);
});

describe('what is not served ends the stream in words', () => {
  const gateway = { gateway: { nodeId: 'mqtt-9', incarnation: 1n }, kind: ServiceKind.MQTT_GATEWAY };

  test.each<[string, MessageInitShape<typeof HelloSchema> | undefined, Frame, string]>([
    ['records for a follower', undefined, { case: 'fetch', value: {} }, 'not fed yet'],
    ['appends of a follower', undefined, { case: 'append', value: {} }, "no frame 'append'"],
    ['filters of a follower', undefined, { case: 'filters', value: {} }, "no frame 'filters'"],
    ['reports of a gateway', gateway, { case: 'report', value: {} }, "no frame 'report'"],
    [
      'more reports than a server has shards',
      undefined,
      { case: 'report', value: { reports: Array.from({ length: 16_385 }, () => ({})) } },
      'more than 16384 reports',
    ],
  ])('%s', async (_name, hello, frame, words) => {
    const peer = new Peer(hello);
    peer.send(frame);
    await until(() => peer.error !== undefined, 'the end of the stream');
    expect(peer.error).toContain(words);
  });

  test.each([
    ['both a gateway and a follower', { ...gateway, peer: PEER }],
    ['a follower of another kind', { peer: PEER, kind: ServiceKind.KAFKA_GATEWAY }],
  ])('a caller that is %s', async (_name, hello) => {
    const peer = new Peer(hello);
    await until(() => peer.error !== undefined, 'the end of the stream');
    expect(peer.error).toContain('a caller is a gateway or a journal-server');
  });
});
