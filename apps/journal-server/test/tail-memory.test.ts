// I8: what results and tails hold of the memory for answers, which they never wait for, is held until the peer has taken it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ExchangeRequestSchema,
  ServiceKind,
  type ExchangeRequest,
  type ExchangeResponse,
  type Link,
} from '@robustmq/rpc';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

type Frame = MessageInitShape<typeof ExchangeRequestSchema>['frame'];

/** The journal's end of a link to a gateway that takes frames when the test says so. */
class SlowGateway implements Link<ExchangeResponse, ExchangeRequest> {
  readonly frames: ExchangeResponse['frame'][] = [];
  readonly #taken: (() => void)[] = [];
  #listener: Parameters<Link<ExchangeResponse, ExchangeRequest>['listen']>[0] | undefined;
  isOver = false;

  listen(listener: Parameters<Link<ExchangeResponse, ExchangeRequest>['listen']>[0]): void {
    this.#listener = listener;
  }

  send({ frame }: ExchangeResponse, taken?: () => void): void {
    this.frames.push(frame);
    if (taken !== undefined) this.#taken.push(taken);
  }

  end(): void {
    this.isOver = true;
  }

  cancel(): void {
    this.isOver = true;
  }

  says(frame: Frame): void {
    this.#listener!.onFrame(create(ExchangeRequestSchema, { frame }));
  }

  leaves(): void {
    this.#listener!.onOver(undefined);
  }

  takesAll(): void {
    for (const taken of this.#taken.splice(0)) taken();
  }

  get tailBytes(): number {
    let bytes = 0;
    for (const frame of this.frames)
      if (frame.case === 'tail') for (const { sizeBytes } of frame.value.sections) bytes += sizeBytes;
    return bytes;
  }
}

const VALUE_BYTES = 50_000;
let dataDirectory: string;
let running: RunningJournal;
let gateway: SlowGateway;

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  const cluster = new FakeCluster();
  cluster.create(1, REPLICA, { name: 'orders', mqttFilter: 'orders' });
  running = await startJournal({ dataDirectory, cluster, incarnation: 1 });
  await until(() => running.journal.problem === null, 'journal');
  gateway = new SlowGateway();
  running.journal.accept(gateway);
  gateway.says({
    case: 'hello',
    value: {
      gateway: { nodeId: 'mqtt-9', incarnation: 1n },
      kind: ServiceKind.MQTT_GATEWAY,
      initialCreditBytes: 1n << 24n,
      shardCreditBytes: 1n << 24n,
    },
  });
  const add = [{ filterId: 1, tenant: 'default', filter: 'orders' }];
  gateway.says({
    case: 'filters',
    value: { requestId: 1n, add, resume: [{ streamId: 1, shard: 0, offset: 0n }] },
  });
  await until(() => gateway.frames.some((frame) => frame.case === 'filters'), 'the filters');
});

afterEach(async () => {
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

async function publish(records: number): Promise<void> {
  const client = running.client();
  await until(() => client.connected, 'the client');
  for (let record = 0; record < records; record++) {
    const batch = batchOf(['v'.repeat(VALUE_BYTES)]);
    await new Promise<void>((resolve, reject) =>
      client.produce({ streamId: 1, shard: 0, batch, acks: -1, timeoutMs: 30_000 }, (error) =>
        error === undefined ? resolve() : reject(error),
      ),
    );
  }
}

test('I8: the bytes of a tail are claimed until the gateway has taken them, and no longer', async () => {
  const { answers } = running.journal;
  await publish(3);
  await until(() => gateway.tailBytes > 3 * VALUE_BYTES, 'the tail');
  expect(answers.claimedBytes).toBe(gateway.tailBytes);
  gateway.takesAll();
  expect(answers.claimedBytes).toBe(0);
});

test('I8: what was on its way to a gateway that left is given back once', async () => {
  const { answers } = running.journal;
  await publish(2);
  await until(() => gateway.tailBytes > 2 * VALUE_BYTES, 'the tail');
  gateway.leaves();
  expect(answers.claimedBytes).toBe(0);
  gateway.takesAll();
  expect(answers.claimedBytes).toBe(0);
});
