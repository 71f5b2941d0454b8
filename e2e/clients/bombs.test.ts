// Compressed bombs that reach inflation by a Produce with a good CRC: each gets its error, memory is bounded however many come at
// once, and honest clients are served meanwhile (N1, I8, N8).
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { waitUntil } from '@robustmq/testkit/cluster';
import { Kafka, logLevel } from 'kafkajs';

import { residentBytes } from '../bench/processes.ts';
import { type Brokers, startBrokers } from '../cluster/brokers.ts';
import { bombs } from './bombs.ts';
import { KafkaWireClient } from './kafka-wire-client.ts';

const [PRODUCE, CREATE_TOPICS] = [0, 19] as const;
const MiB = 1024 * 1024;
const TOPIC = 'bombs';
const CONNECTIONS = 20;
/** Of each bomb from each connection. */
const REPEATS = 2;
/** Four are inflated at once, 16 MiB each and its parts; the rest is the heap of a busy process. */
const GROWTH_BYTES = 384 * MiB;
const LOOK_MS = 20;
const BOMBS = bombs();

let brokers: Brokers;
let clients: KafkaWireClient[];
beforeAll(async () => {
  brokers = await startBrokers();
  clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => KafkaWireClient.connect(brokers.kafka)),
  );
  const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const created = await clients[0]!.call(CREATE_TOPICS, 7, { topics: [topic], timeoutMs: 20_000 });
  expect(created.topics[0]?.errorMessage ?? '').toBe('');
});
afterAll(async () => {
  for (const client of clients) client.close();
  await brokers.remove();
});

async function produce(client: KafkaWireClient, records: Buffer): Promise<string> {
  const topicData = [{ name: TOPIC, partitionData: [{ index: 0, records }] }];
  const answer = await client.call(PRODUCE, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 20_000,
    topicData,
  });
  return kafkaErrorName(answer.responses[0]?.partitionResponses[0]?.errorCode ?? -99);
}

test.each(BOMBS)('%s is refused by its name', async (_name, batch, errors) => {
  expect(errors).toContain(await produce(clients[0]!, batch));
});

test(`${CONNECTIONS} connections that send them all take bounded memory, and honest producers go on`, async () => {
  const pid = brokers.cluster?.first('kafka-gateway').pid ?? 0;
  const before = residentBytes([pid]);
  let most = before;
  const looking = setInterval(() => (most = Math.max(most, residentBytes([pid]))), LOOK_MS);
  const kafka = new Kafka({ brokers: [brokers.kafka], logLevel: logLevel.NOTHING });
  const honest = kafka.producer();
  await honest.connect();
  const wrong: string[] = [];
  let answered = 0;
  const attack = Promise.all(
    clients.map(async (client) => {
      for (let repeat = 0; repeat < REPEATS; repeat += 1) {
        for (const [name, batch, errors] of BOMBS) {
          const error = await produce(client, batch);
          if (!errors.includes(error)) wrong.push(`${name}: ${error}`);
          answered += 1;
        }
      }
    }),
  );
  let sent = 0;
  await waitUntil('the end of the attack', 120_000, async () => {
    await honest.send({ topic: TOPIC, messages: [{ value: 'honest' }] });
    sent += 1;
    return answered === CONNECTIONS * REPEATS * BOMBS.length;
  });
  await attack;
  clearInterval(looking);
  await honest.disconnect();
  expect(wrong).toEqual([]);
  expect(sent).toBeGreaterThan(0);
  expect(most - before).toBeLessThan(GROWTH_BYTES);
}, 150_000);
