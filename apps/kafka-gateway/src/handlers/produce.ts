// Produce (0): checks each batch and hands it to the journal untouched. Never retried here, FIFO per connection and
// shard (rule K1): batches pass the check in the order in which their requests were read.
import {
  KAFKA_ERRORS,
  ZERO_UUID,
  type ProduceResponseInput,
  type ProduceRequest,
} from '@robustmq/kafka-codec';
import { BrokerError } from '@robustmq/errors';
import { api, NO_RESPONSE } from '../api.ts';
import { claimedAnswer, noRoom } from '../bounded-answer.ts';
import type { RequestContext } from '../context.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { NamedError } from '../named-error.ts';
import { kafkaErrorNameOf, kafkaErrorOf } from '../error-table.ts';
import type { AppendOutcomeValue, TopicView } from '../ports.ts';
import { headerProblem, type BatchRules } from '../produce/batch-check.ts';
import { maxMessageBytesOf, timestampLimitsOf } from '../topic-config.ts';
import { MQTT_TOPIC } from '../topic-name.ts';

type TopicData = ProduceRequest['topicData'][number];
type PartitionData = TopicData['partitionData'][number];
type TopicResult = ProduceResponseInput['responses'][number];
type PartitionResult = TopicResult['partitionResponses'][number];

/** Version from which topics come by id (KIP-516). */
const TOPIC_ID_VERSION = 13;
const MAX_TIMEOUT_MS = 60_000;
const ACKS = new Set([-1, 0, 1]);
/** Topics and partitions of a Produce that is handled at once: more than producers send. */
const SHORT_ITEMS = 500;
/** Bytes of one in an answer, roughly, with what is wrong with it. */
const ITEM_BYTES = 128;

export const produce = api(0, {
  answer: 'claimed',
  access: [{ operation: 'write', resource: 'topic' }],
  overlap: 'ordered',
  handle: (request, context) => {
    const { acks, topicData, transactionalId } = request;
    const refused = requestProblem(acks, transactionalId);
    const timeoutMs = Math.min(Math.max(request.timeoutMs, 1), MAX_TIMEOUT_MS);
    const pending: Promise<void>[] = [];
    const one = (topic: TopicView | NamedError, partition: PartitionData): PartitionResult => {
      const result = emptyResult(partition.index);
      const problem = refused ?? topicProblem(topic, partition, context);
      if (problem !== undefined) return Object.assign(result, failed(problem));
      pending.push(append(topic as TopicView, partition, { acks, timeoutMs }, result, context));
      return result;
    };
    const finish = (all: TopicResult[]): Promise<ProduceResponseInput | typeof NO_RESPONSE> =>
      acks === 0 ? fireAndForget(all, pending) : answer(all, pending);
    const items = itemsOf(topicData);
    if (items > SHORT_ITEMS) {
      const build = (): Promise<TopicResult[]> => inSlices(topicData, one, context);
      // What comes behind it on its connection waits, for it must not be overtaken (rule K1).
      context.place.overlap = 'exclusive';
      return claimedAnswer(items * ITEM_BYTES, context, build, noRoom).then(finish);
    }
    const responses = topicData.map((data): TopicResult => {
      const topic = topicOf(data, context);
      const partitionResponses = data.partitionData.map((partition) => one(topic, partition));
      return { name: data.name, topicId: data.topicId, partitionResponses };
    });
    return finish(responses);
  },
});

/** Topics and partitions: of few of them the answer begins in the turn in which the request starts (N8). */
function itemsOf(topicData: readonly TopicData[]): number {
  let items = topicData.length;
  for (const { partitionData } of topicData) items += partitionData.length;
  return items;
}

function inSlices(
  topicData: readonly TopicData[],
  one: (topic: TopicView | NamedError, partition: PartitionData) => PartitionResult,
  context: RequestContext,
): Promise<TopicResult[]> {
  const { turns } = context.gateway;
  return mapInTurns(topicData, turns, async (data) => {
    const topic = topicOf(data, context);
    const partitionResponses = await mapInTurns(data.partitionData, turns, (each) => one(topic, each));
    return { name: data.name, topicId: data.topicId, partitionResponses };
  });
}

async function answer(responses: TopicResult[], pending: Promise<void>[]): Promise<ProduceResponseInput> {
  await Promise.all(pending);
  return { responses, throttleTimeMs: 0 };
}

/** There is nowhere to report an error to, so the connection ends and the client fetches fresh metadata, as in Kafka. */
async function fireAndForget(
  responses: TopicResult[],
  pending: Promise<void>[],
): Promise<typeof NO_RESPONSE> {
  await Promise.all(pending);
  for (const { partitionResponses } of responses) {
    const wrong = partitionResponses.find(({ errorCode }) => errorCode !== KAFKA_ERRORS.NONE);
    if (wrong !== undefined) {
      throw new BrokerError('cancelled', `acks=0 and error ${wrong.errorCode} on partition ${wrong.index}`);
    }
  }
  return NO_RESPONSE;
}

function requestProblem(acks: number, transactionalId: string | null): NamedError | undefined {
  if (!ACKS.has(acks)) return { name: 'INVALID_REQUIRED_ACKS', message: `acks ${acks} is none of -1, 0, 1` };
  if (transactionalId !== null)
    return { name: 'INVALID_TXN_STATE', message: 'transactions are not supported' };
  return undefined;
}

function topicOf(data: TopicData, { apiVersion, gateway }: RequestContext): TopicView | NamedError {
  if (apiVersion < TOPIC_ID_VERSION) {
    const topic = gateway.cluster.topicByName(data.name);
    return topic ?? { name: 'UNKNOWN_TOPIC_OR_PARTITION', message: `no topic ${data.name}` };
  }
  const topic = data.topicId === ZERO_UUID ? undefined : gateway.cluster.topicById(data.topicId);
  return topic ?? { name: 'UNKNOWN_TOPIC_ID', message: `no topic with id ${data.topicId}` };
}

function topicProblem(
  topic: TopicView | NamedError,
  { index }: PartitionData,
  { gateway }: RequestContext,
): NamedError | undefined {
  if (!('streamId' in topic)) return topic;
  if (topic.partitions[index] === undefined) {
    return { name: 'UNKNOWN_TOPIC_OR_PARTITION', message: `${topic.name} has no partition ${index}` };
  }
  if (topic.name === MQTT_TOPIC && !gateway.settings.allowProduceToMqtt) {
    return { name: 'TOPIC_AUTHORIZATION_FAILED', message: 'topic mqtt is written by MQTT clients only' };
  }
  return undefined;
}

function rulesOf(topic: TopicView, { apiVersion, gateway }: RequestContext): BatchRules {
  return {
    maxBatchBytes: Math.min(maxMessageBytesOf(topic), gateway.settings.maxBatchBytes),
    apiVersion,
    timestamps: timestampLimitsOf(topic),
    nowMs: gateway.nowMs(),
  };
}

function emptyResult(index: number): PartitionResult {
  return { index, errorCode: KAFKA_ERRORS.NONE, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
}

function failed({ name, message }: NamedError): Partial<PartitionResult> {
  return { errorCode: KAFKA_ERRORS[name], errorMessage: message };
}

function append(
  topic: TopicView,
  { index, records }: PartitionData,
  { acks, timeoutMs }: { readonly acks: number; readonly timeoutMs: number },
  result: PartitionResult,
  context: RequestContext,
): Promise<void> {
  const rules = rulesOf(topic, context);
  const problem = headerProblem(records, rules);
  if (problem !== undefined || records === null) {
    Object.assign(result, problem && failed(problem));
    return Promise.resolve();
  }
  const { counters, journal } = context.gateway;
  const append = { streamId: topic.streamId, shard: index, batch: records, acks, timeoutMs };
  return new Promise((resolve, reject) => {
    const settle = (outcome: Partial<PartitionResult>): void => {
      Object.assign(result, outcome);
      resolve();
    };
    context.connection.batches.check(records, rules, (unsound) => {
      if (unsound !== undefined) {
        settle(failed(unsound));
        return;
      }
      counters.producedBatches += 1;
      counters.producedBytes += records.length;
      try {
        journal.produce(append, (error, outcome) =>
          settle(error === undefined ? appended(outcome) : appendFailed(error)),
        );
      } catch (error) {
        reject(BrokerError.from(error));
      }
    });
  });
}

function appended(outcome: AppendOutcomeValue | undefined): Partial<PartitionResult> {
  if (outcome === undefined) return {};
  const { baseOffset, logAppendTimeMs, logStartOffset } = outcome;
  return { baseOffset, logAppendTimeMs, logStartOffset };
}

function appendFailed(error: BrokerError): Partial<PartitionResult> {
  // A repeat beyond the five remembered batches: the records are in the log, so newer clients take it for a success.
  return { errorCode: kafkaErrorOf(error), errorMessage: `${kafkaErrorNameOf(error)}: ${error.message}` };
}
