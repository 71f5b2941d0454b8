// Long polls and the memory for answers (I8): who waits holds no claim, so that nobody has to wait for those who wait.
import { setImmediate } from 'node:timers/promises';
import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS, type FetchRequestInput } from '@robustmq/kafka-codec';
import { batchOf } from './fakes/batches.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const FETCH = 1;
const KIB = 1024;
const MIB = 1024 * KIB;

describe('long polls', () => {
  let running: RunningGateway;

  beforeEach(async () => {
    running = await RunningGateway.start();
  });
  afterEach(() => running.stop());

  const fetchOf = (topic: string, options: Partial<FetchRequestInput> = {}): FetchRequestInput => ({
    maxWaitMs: 60_000,
    minBytes: 1,
    maxBytes: 64 * MIB,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 64 * MIB }] }],
    ...options,
  });

  const append = (streamId: number, sizeBytes: number): Promise<void> =>
    new Promise((resolve) => {
      const batch = batchOf(['x'.repeat(sizeBytes)]);
      running.journal.produce({ streamId, shard: 0, batch, acks: -1, timeoutMs: 0 }, () => resolve());
    });

  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await setImmediate();
  }

  async function sizeOfAnswer(client: WireClient): Promise<number> {
    const { responses } = await client.receive(FETCH, 11);
    return responses[0]?.partitions[0]?.records?.length ?? 0;
  }

  /** Whether the client's only fetch waits in the journal, and nothing is on its way. */
  const waitsInJournal = (fetches: number) => () =>
    running.journal.fetched.length === fetches && running.journal.waitingCount === 1;

  test('I8: as many as wait for all of the memory keep nobody from reading', async () => {
    running.meta.add('quiet');
    const { streamId } = running.meta.add('busy');
    await append(streamId, 3 * MIB);
    for (let n = 0; n < 8; n += 1) {
      const greedy = await running.client();
      greedy.send(FETCH, 11, fetchOf('quiet', { minBytes: 16 * MIB }));
    }
    await until(() => running.journal.waitingCount === 8);
    expect(running.gateway.claimedAnswerBytes).toBe(0);
    const reader = await running.client();
    reader.send(FETCH, 11, fetchOf('busy', { minBytes: 16 * MIB, maxWaitMs: 0 }));
    expect(await sizeOfAnswer(reader)).toBeGreaterThan(3 * MIB);
    expect(running.gateway.waitingFetches).toBe(0);
  });

  test('who waits for much is answered as soon as so much is there, in one piece', async () => {
    const { streamId } = running.meta.add('t');
    await append(streamId, 60 * KIB);
    const client = await running.client();
    client.send(FETCH, 11, fetchOf('t', { minBytes: 200 * KIB }));
    await until(waitsInJournal(2));
    const waiting = running.journal.fetched[1];
    expect(waiting?.waitOnly).toBe(true);
    // What was there when it began to wait is counted, and is not counted again.
    expect(waiting?.sections[0]?.fetchOffset).toBe(1);
    expect(waiting?.minBytes).toBeLessThan(140 * KIB);
    await append(streamId, 60 * KIB);
    await setImmediate();
    expect(running.journal.waitingCount).toBe(1);
    await append(streamId, 90 * KIB);
    expect(await sizeOfAnswer(client)).toBeGreaterThan(210 * KIB);
  });

  test('KIP-74: who waits for all that fits is answered when the next batch does not fit', async () => {
    const { streamId } = running.meta.add('t');
    await append(streamId, 60 * KIB);
    await append(streamId, 60 * KIB);
    const client = await running.client();
    client.send(FETCH, 11, fetchOf('t', { minBytes: 100 * KIB, maxBytes: 100 * KIB }));
    expect(await sizeOfAnswer(client)).toBeGreaterThan(60 * KIB);
    expect(running.journal.waitingCount).toBe(0);
  });

  test('who waits for any news gets a little of it, unclaimed, and soon more', async () => {
    const { streamId } = running.meta.add('t');
    const client = await running.client();
    client.send(FETCH, 11, fetchOf('t'));
    await until(waitsInJournal(2));
    const { maxBytes, waitOnly } = running.journal.fetched[1] ?? {};
    expect([maxBytes, waitOnly]).toEqual([8 * KIB, undefined]);
    expect(running.gateway.claimedAnswerBytes).toBe(0);
    for (let n = 0; n < 20; n += 1) await append(streamId, 4 * KIB);
    const first = await sizeOfAnswer(client);
    expect(first).toBeLessThan(10 * KIB);
    client.send(FETCH, 11, fetchOf('t'));
    expect(await sizeOfAnswer(client)).toBeGreaterThan(first);
  });

  test('who got nothing waits in the journal at once the next time', async () => {
    const { streamId } = running.meta.add('t');
    const client = await running.client();
    client.send(FETCH, 11, fetchOf('t', { maxWaitMs: 0 }));
    expect(await sizeOfAnswer(client)).toBe(0);
    client.send(FETCH, 11, fetchOf('t'));
    await until(waitsInJournal(2));
    expect(running.journal.fetched[1]?.maxWaitMs).toBe(30_000);
    await append(streamId, 10);
    expect(await sizeOfAnswer(client)).toBeGreaterThan(10);
  });

  test.each([1, 200 * KIB])('an error is told at once to who waits for %i bytes', async (minBytes) => {
    running.meta.add('t');
    running.journal.fetchError = new BrokerError('out_of_range', 'no such offset');
    const client = await running.client();
    client.send(FETCH, 11, fetchOf('t', { minBytes }));
    const { responses } = await client.receive(FETCH, 11);
    expect(responses[0]?.partitions[0]?.errorCode).toBe(KAFKA_ERRORS.OFFSET_OUT_OF_RANGE);
    expect(running.journal.fetched).toHaveLength(1);
  });

  test('N7: the time that a client gives ends its wait for much with what there is', async () => {
    const { streamId } = running.meta.add('t');
    await append(streamId, 60 * KIB);
    const client = await running.client();
    client.send(FETCH, 11, fetchOf('t', { minBytes: 200 * KIB, maxWaitMs: 20 }));
    expect(await sizeOfAnswer(client)).toBeGreaterThan(60 * KIB);
    expect(running.journal.waitingCount).toBe(0);
  });

  test.each([1, 200 * KIB])('a long poll for %i bytes ends with its client', async (minBytes) => {
    running.meta.add('t');
    const client = await running.client();
    client.send(FETCH, 11, fetchOf('t', { minBytes }));
    await until(waitsInJournal(2));
    client.close();
    await until(() => running.journal.cancelled === 1 && running.journal.waitingCount === 0);
    expect(running.gateway.claimedAnswerBytes).toBe(0);
  });
});
