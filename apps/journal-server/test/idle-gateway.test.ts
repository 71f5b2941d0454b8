// Gateways have a few producer ids for all their shards (rule R6): to have nothing to write for a day costs none.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { batchHeader, gatewayProducerIds } from '@robustmq/record-batch';
import { systemClock } from '@robustmq/runtime';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf } from './records.ts';
import { REPLICA, startJournal, until } from './running-journal.ts';

const DAY_MS = 86_400_000;

test('R6: a gateway that was idle for days, and over a wall clock that was set, goes on with its id', async () => {
  const dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  const cluster = new FakeCluster();
  cluster.create(1, REPLICA, { config: { 'retention.ms': '-1' } });
  let skewMs = 0;
  let wallMs = 0;
  const clock = {
    nowMs: () => systemClock.nowMs() + wallMs,
    monotonicMs: () => systemClock.monotonicMs() + skewMs,
  };
  const running = await startJournal({ dataDirectory, cluster, incarnation: 1, clock });
  const client = running.client({ producerIds: { base: gatewayProducerIds.start, count: 1 } });
  await until(() => client.connected && running.journal.problem === null, 'the journal');
  const outcomes: string[] = [];
  const queue = client
    .appender<string>({
      onOutcome: (_queue, tokens, error, base) => outcomes.push(`${tokens.join()}: ${error?.code ?? base}`),
      onUnblocked: () => undefined,
    })
    .queue(1, 0);
  const publish = async (token: string): Promise<void> => {
    queue.append(1, null, Buffer.from(token), [], token);
    await until(() => outcomes.at(-1)?.startsWith(token) === true, token);
  };
  await publish('a');
  const kafka = batchOf(['k'], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
  client.produce({ streamId: 1, shard: 0, batch: kafka, acks: -1, timeoutMs: 5_000 }, () => undefined);
  await until(() => running.journal.producers.used === 2, 'both producers');
  wallMs = 400 * DAY_MS;
  running.journal.checkpointer.retain();
  expect(running.journal.producers.used).toBe(2);
  for (let day = 1; day <= 3; day++) {
    skewMs = day * DAY_MS;
    running.journal.checkpointer.retain();
  }
  // Of the two only the gateway lives.
  expect(running.journal.producers.used).toBe(1);
  await publish('b');
  expect(outcomes).toEqual(['a: 0', 'b: 2']);
  const { log } = running.journal.shards.get(65_536)!;
  const last = await log.read({ fromOffset: 2, upToOffset: 3, maxBytes: 1 });
  expect(batchHeader.producerId(last, 0)).toBe(gatewayProducerIds.start);
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});
