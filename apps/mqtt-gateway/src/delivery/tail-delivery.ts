// Delivers the tail: committed records of every MQTT-visible shard, in offset order, to the sessions that follow live.
// Compressed batches are inflated off the loop, once per gateway; the shard's later batches wait behind them (O7).

import { inflateBatchAsync } from '@robustmq/batch-compression';
import { BrokerError } from '@robustmq/errors';
import type { TailBatches } from '@robustmq/journal-client';
import { TopicCache } from '@robustmq/mqtt-codec';
import { hasWildcard, topicNameProblem } from '@robustmq/mqtt-topics';
import {
  RecordCursor,
  batchSizeBytesOf,
  codecOf,
  isControl,
  lastOffsetOf,
  producerIdOf,
  recordCountOf,
} from '@robustmq/record-batch';
import {
  ATTRIBUTES,
  SYSTEM_MQTT,
  TRACEPARENT,
  contextOfHeaderValue,
  type TraceSampler,
} from '@robustmq/telemetry';
import type { Deliverer } from './deliverer.ts';
import type { PublishTraces } from '../publish/publish-traces.ts';
import { Message, readRecord } from './message.ts';
import { ShardTail, shardKeyOf, type RingBatch } from './shard-tail.ts';
import type { RoutedStream, TopicRoute, TopicRoutes } from './topic-route.ts';

/** A stream that MQTT may see, with the routes of its tenant. */
export interface VisibleStream {
  readonly stream: RoutedStream;
  readonly routes: TopicRoutes;
}

/** What tail delivery needs around it. */
export interface TailHost {
  /** Undefined for a stream that MQTT can't see, or not any more. */
  streamOf(streamId: number): VisibleStream | undefined;
  /** Whether a batch of this producer id is of a gateway. */
  isGatewayProducer(producerId: number): boolean;
  /** Wall clock, for message expiry. */
  now(): number;
  readonly sampler: TraceSampler;
  /** Knows the sampled publishes among the records that this gateway appended. */
  readonly publishes: Pick<PublishTraces, 'contextOf'>;
  /** A batch that can't be read; its records are not delivered to MQTT. */
  onBadBatch(streamId: number, shard: number, error: BrokerError): void;
}

/** Bounds of {@link TailDelivery}. */
export interface TailLimits {
  /** Ring of recent batches per shard. */
  readonly ringBytesPerShard: number;
  /** A compressed batch that inflates beyond this is not visible to MQTT. */
  readonly maxInflatedBatchBytes: number;
}

/** Plain integers that instruments read. */
export interface TailCounters {
  records: number;
  /** Records without a valid topic of their stream: keys of Kafka producers that are no topics. */
  notVisible: number;
  inflatedBatches: number;
  badBatches: number;
}

/** Sections that wait for an inflation; the shard's credit bounds them. */
interface ShardIntake {
  readonly tail: ShardTail;
  readonly waiting: TailBatches[];
  isInflating: boolean;
}

const TRACEPARENT_NAME = Buffer.from(TRACEPARENT);

/** The tails of all shards. */
export class TailDelivery {
  readonly counters: TailCounters = { records: 0, notVisible: 0, inflatedBatches: 0, badBatches: 0 };
  readonly #host: TailHost;
  readonly #deliverer: Deliverer;
  readonly #limits: TailLimits;
  readonly #intakes = new Map<number, ShardIntake>();
  readonly #cursor = new RecordCursor();
  readonly #message = new Message();
  readonly #topics = new TopicCache();
  readonly #exactFilters = new WeakMap<RoutedStream, boolean>();

  constructor(host: TailHost, deliverer: Deliverer, limits: TailLimits) {
    this.#host = host;
    this.#deliverer = deliverer;
    this.#limits = limits;
  }

  /** The tail of a shard; undefined until the journal has said where it starts. */
  tailOf(shardKey: number): ShardTail | undefined {
    return this.#intakes.get(shardKey)?.tail;
  }

  /** All tails known. */
  *tails(): Generator<ShardTail> {
    for (const intake of this.#intakes.values()) yield intake.tail;
  }

  /** Makes the tail of a shard known, from the answer to a change of filters. */
  startTail(streamId: number, shard: number, leaderEpoch: number, offset: number): ShardTail {
    const key = shardKeyOf(streamId, shard);
    let intake = this.#intakes.get(key);
    if (intake === undefined) {
      intake = { tail: new ShardTail(streamId, shard, leaderEpoch, offset), waiting: [], isInflating: false };
      this.#intakes.set(key, intake);
    }
    return intake.tail;
  }

  /** Forgets the shards of a deleted stream. */
  forget(streamId: number): void {
    for (const [key, { tail }] of this.#intakes) if (tail.streamId === streamId) this.#intakes.delete(key);
  }

  /** A section of the tail. */
  receive(section: TailBatches): void {
    this.startTail(section.streamId, section.shard, section.leaderEpoch, section.fromOffset);
    const intake = this.#intakes.get(shardKeyOf(section.streamId, section.shard))!;
    if (intake.isInflating || intake.waiting.length > 0) intake.waiting.push(section);
    else this.#take(intake, section, 0);
  }

  #take(intake: ShardIntake, section: TailBatches, from: number): void {
    const { tail } = intake;
    tail.leaderEpoch = section.leaderEpoch;
    if (from === 0 && section.fromOffset > tail.nextOffset) tail.restartAt(section.fromOffset);
    const { batches } = section;
    let start = from;
    while (start < batches.length) {
      const end = start + batchSizeBytesOf(batches, start);
      const isLast = end >= batches.length;
      if (codecOf(batches, start) !== 0) {
        this.#inflate(intake, section, start, end);
        return;
      }
      this.#batch(
        tail,
        batches,
        start,
        end - start,
        isLast ? section.nextOffset : lastOffsetOf(batches, start) + 1,
      );
      start = end;
    }
    if (section.nextOffset > tail.nextOffset) tail.nextOffset = section.nextOffset;
  }

  #inflate(intake: ShardIntake, section: TailBatches, start: number, end: number): void {
    const { batches } = section;
    const { tail } = intake;
    const nextOffset = end >= batches.length ? section.nextOffset : lastOffsetOf(batches, start) + 1;
    intake.isInflating = true;
    this.counters.inflatedBatches++;
    inflateBatchAsync(batches, start, this.#limits.maxInflatedBatchBytes)
      .then(
        (inflated) => this.#batch(tail, inflated, 0, inflated.length, nextOffset),
        (error: unknown) => this.#bad(tail, nextOffset, error),
      )
      .finally(() => {
        intake.isInflating = false;
        this.#take(intake, section, end);
        while (!intake.isInflating && intake.waiting.length > 0)
          this.#take(intake, intake.waiting.shift()!, 0);
      });
  }

  #bad(tail: ShardTail, nextOffset: number, error: unknown): void {
    this.counters.badBatches++;
    tail.nextOffset = Math.max(tail.nextOffset, nextOffset);
    this.#host.onBadBatch(tail.streamId, tail.shard, BrokerError.from(error));
  }

  #batch(tail: ShardTail, buffer: Buffer, start: number, sizeBytes: number, nextOffset: number): void {
    const visible = this.#host.streamOf(tail.streamId);
    if (visible === undefined || isControl(buffer, start)) {
      tail.nextOffset = Math.max(tail.nextOffset, nextOffset);
      return;
    }
    try {
      const batch = this.#deliverBatch(tail, visible, buffer, start, sizeBytes, nextOffset);
      tail.nextOffset = Math.max(tail.nextOffset, nextOffset);
      tail.push(batch, this.#limits.ringBytesPerShard);
    } catch (error) {
      this.#bad(tail, nextOffset, error);
    }
  }

  #deliverBatch(
    tail: ShardTail,
    visible: VisibleStream,
    buffer: Buffer,
    start: number,
    sizeBytes: number,
    nextOffset: number,
  ): RingBatch {
    const count = recordCountOf(buffer, start);
    const cursor = this.#cursor.reset(buffer, start);
    const message = this.#message;
    const nowMs = this.#host.now();
    const isTrusted = this.#host.isGatewayProducer(producerIdOf(buffer, start));
    const batch: RingBatch = {
      buffer,
      batchStart: start,
      fromOffset: tail.nextOffset,
      nextOffset,
      sizeBytes,
      isTrusted,
      recordStarts: new Int32Array(count),
      offsetDeltas: new Int32Array(count),
      routes: new Array<TopicRoute | null>(count).fill(null),
    };
    for (let index = 0; cursor.next(); index++) {
      // A resumed tail may start within a batch.
      if (cursor.offset < tail.nextOffset) continue;
      const route = this.routeOf(cursor, visible, isTrusted);
      batch.recordStarts[index] = cursor.recordStart;
      batch.offsetDeltas[index] = cursor.offsetDelta;
      batch.routes[index] = route;
      if (route === null) continue;
      this.counters.records++;
      if (route.receivers.length === 0) continue;
      readRecord(message, route.topic, cursor, isTrusted);
      this.#deliver(message, route, tail, cursor, nowMs);
    }
    return batch;
  }

  #deliver(message: Message, route: TopicRoute, tail: ShardTail, record: RecordCursor, nowMs: number): void {
    if (!this.#deliverer.begin(message, nowMs)) return;
    const span = this.#host.sampler.isOn ? this.#startSpan(record, tail) : null;
    this.#deliverer.deliver(route, tail, record.offset);
    span?.end();
  }

  /** Belongs to the publish if that was here, else to the context that its client sent along. */
  #startSpan(record: RecordCursor, tail: ShardTail): ReturnType<TraceSampler['start']> {
    const { publishes, sampler } = this.#host;
    const parent = publishes.contextOf(tail, record.offset) ?? contextIn(record);
    if (parent === null) return null;
    return sampler.start('mqtt deliver', parent, {
      attributes: {
        [ATTRIBUTES.messagingSystem]: SYSTEM_MQTT,
        [ATTRIBUTES.streamId]: tail.streamId,
        [ATTRIBUTES.shard]: tail.shard,
        [ATTRIBUTES.offset]: record.offset,
      },
    });
  }

  /** The topic of a record (design section 5): null when it is not visible to MQTT. */
  routeOf(record: RecordCursor, visible: VisibleStream, isTrusted: boolean): TopicRoute | null {
    const { stream, routes } = visible;
    if (this.#isExact(stream)) return routes.get(stream.mqttFilter);
    if (record.keyStart < 0) return this.#invisible();
    let topic = this.#topics.lookup(record.buffer, record.keyStart, record.keyEnd);
    if (topic === undefined) {
      topic = record.buffer.toString('utf8', record.keyStart, record.keyEnd);
      if (!isTrusted && !isTopic(topic, record)) return this.#invisible();
      this.#topics.keep(record.buffer, record.keyStart, record.keyEnd, topic);
    }
    const route = routes.get(topic);
    if (!isTrusted && route.stream?.streamId !== stream.streamId) return this.#invisible();
    return route;
  }

  #isExact(stream: RoutedStream): boolean {
    let isExact = this.#exactFilters.get(stream);
    if (isExact === undefined) {
      isExact = !stream.isDefault && !hasWildcard(stream.mqttFilter);
      this.#exactFilters.set(stream, isExact);
    }
    return isExact;
  }

  #invisible(): null {
    this.counters.notVisible++;
    return null;
  }
}

function contextIn(record: RecordCursor): ReturnType<typeof contextOfHeaderValue> {
  if (record.headerCount < 1 || !record.findHeader(TRACEPARENT_NAME) || record.foundStart < 0) return null;
  return contextOfHeaderValue(record.buffer.subarray(record.foundStart, record.foundEnd));
}

/** Whether a key is a Topic Name in well-formed UTF-8: what is replaced when decoding doesn't encode to the same size. */
function isTopic(text: string, record: RecordCursor): boolean {
  return (
    topicNameProblem(text) === undefined &&
    !text.includes('\ufffd') &&
    Buffer.byteLength(text) === record.keyEnd - record.keyStart
  );
}
