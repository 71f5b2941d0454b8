// A journal-server in memory, over real gRPC: appends, tail, filters and backlog for one server that leads everything.
// Tests decide when and how appends are answered.

import { create } from '@bufbuild/protobuf';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { matchesFilter } from '@robustmq/mqtt-topics/testing';
import { batchHeader, RecordCursor, pickRecords } from '@robustmq/record-batch';
import {
  AppendOutcomeSchema,
  AppendResultFrameSchema,
  BacklogOutcomeSchema,
  BacklogResultFrameSchema,
  EpochOutcomeSchema,
  ExchangeResponseSchema,
  FailureSchema,
  FilterResultFrameSchema,
  HelloResultSchema,
  JournalService,
  RpcServer,
  ShardMarksSchema,
  ShardPositionSchema,
  TailFrameSchema,
  TailKind,
  TailSectionSchema,
  type AppendFrame,
  type AppendOutcome,
  type AppendResultFrame,
  type BacklogFrame,
  type EpochOutcome,
  type EpochQuery,
  type ExchangeRequest,
  type ExchangeResponse,
  type FilterFrame,
  type TailSection,
  ServiceKind,
} from '@robustmq/rpc';
import { credentialsOf } from './credentials.ts';

type Exchange = ServerDuplexStream<ExchangeRequest, ExchangeResponse>;

interface StoredShard {
  readonly streamId: number;
  readonly shard: number;
  readonly batches: Buffer[];
  nextOffset: number;
  /** Those behind the first. */
  readonly epochs: { readonly leaderEpoch: number; readonly startOffset: number }[];
}

interface Gateway {
  readonly stream: Exchange;
  readonly filters: Map<number, string>;
}

/** An append that waits for the test's answer. */
export interface HeldAppend {
  readonly shard: number;
  readonly acknowledgeInMemory: boolean;
  commit(): void;
  fail(code: string): void;
}

/** One journal-server. */
export class ScriptedJournal {
  /** Appends are kept in {@link held} instead of being committed at once. */
  holdAppends = false;
  /** `max.message.bytes` of every stream. */
  maxMessageBytes = Number.POSITIVE_INFINITY;
  /** Filter changes are not answered. */
  ignoreFilters = false;
  /** Questions how far shards are are answered without any. */
  hasNoMarks = false;
  /** Shards of the cluster, all of which it leads. */
  leads: () => Iterable<{ readonly streamId: number; readonly shard: number }> = () => [
    { streamId: 1, shard: 0 },
  ];
  /** Shards that this server does not lead now: filter changes are answered without them, and they are not read. */
  readonly notLed = new Set<string>();
  /** Epoch of its leadership. */
  leaderEpoch = 1;
  /** Questions where epochs ended, as `shard/epoch`. */
  readonly epochQuestions: string[] = [];
  /** Such questions are refused. */
  refusesEpochQuestions = false;
  /** Where the log begins, as tail sections say. */
  logStartOffset = 0;
  /** Tail sections are lost, as with an old leader. */
  isTailMute = false;
  /** Backlog reads are kept instead of being answered. */
  readonly heldReads: (() => void)[] = [];
  holdReads = false;
  readonly held: HeldAppend[] = [];
  /** Of the sampled batches, in the order of their arrival. */
  readonly traceparents: string[] = [];
  readonly #server: RpcServer;
  readonly #shards = new Map<string, StoredShard>();
  readonly #gateways = new Set<Gateway>();
  port = 0;

  constructor() {
    this.#server = new RpcServer({
      credentials: credentialsOf(ServiceKind.JOURNAL),
      onUnexpected: () => undefined,
    });
    const unsupported = (): never => {
      throw new Error('not scripted');
    };
    this.#server.add(JournalService, {
      exchange: (stream: Exchange) => this.#exchange(stream),
      listOffsets: unsupported,
      endOffsetsForEpochs: ({ queries }) =>
        Promise.resolve({ outcomes: queries.map((query) => this.#endOf(query)) }),
      describeShards: unsupported,
      deleteRecords: unsupported,
    });
  }

  async listen(): Promise<this> {
    this.port = await this.#server.listen('127.0.0.1', 0, 'grpc.port');
    return this;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  close(): Promise<void> {
    return this.#server.close(50);
  }

  /** Breaks every stream, as a restart does. */
  breakStreams(): void {
    for (const { stream } of this.#gateways) stream.end();
    this.#gateways.clear();
  }

  /** Appends a batch as a Kafka producer would and tells the tails. */
  produce(streamId: number, shard: number, batch: Buffer): void {
    const stored = this.#shard(streamId, shard);
    const from = stored.nextOffset;
    this.#store(stored, batch);
    for (const gateway of this.#gateways) {
      this.#write(gateway, {
        case: 'tail',
        value: create(TailFrameSchema, {
          sections: [this.#section(stored, from, TailKind.BATCHES, batch.length, 0n)],
          batches: batch,
        }),
      });
    }
  }

  /** Goes back to its first `batches` batches, as a journal that is restored from an older copy, under a new epoch. */
  setBack(streamId: number, shard: number, batches: number): void {
    const stored = this.#shard(streamId, shard);
    stored.batches.length = batches;
    const last = stored.batches.at(-1);
    stored.nextOffset = last === undefined ? 0 : batchHeader.lastOffset(last, 0) + 1;
    this.leaderEpoch++;
    stored.epochs.push({ leaderEpoch: this.leaderEpoch, startOffset: stored.nextOffset });
  }

  #endOf({ streamId, shard, leaderEpoch }: EpochQuery): EpochOutcome {
    this.epochQuestions.push(`${shard}/${leaderEpoch}`);
    if (this.refusesEpochQuestions)
      return create(EpochOutcomeSchema, { failure: { code: 'not_leader', message: 'scripted' } });
    const next = this.#shard(streamId, shard).epochs.find((epoch) => epoch.leaderEpoch > leaderEpoch);
    return create(EpochOutcomeSchema, { leaderEpoch, endOffset: BigInt(next?.startOffset ?? -1) });
  }

  /** Topics and values of everything stored in a shard. */
  records(streamId: number, shard = 0): { key: string; value: string }[] {
    const found: { key: string; value: string }[] = [];
    const cursor = new RecordCursor();
    for (const batch of this.#shard(streamId, shard).batches) {
      cursor.reset(batch, 0);
      while (cursor.next()) {
        found.push({ key: cursor.key?.toString() ?? '', value: cursor.value?.toString() ?? '' });
      }
    }
    return found;
  }

  #exchange(stream: Exchange): void {
    const gateway: Gateway = { stream, filters: new Map() };
    stream.on('data', ({ frame }: ExchangeRequest) => {
      if (frame.case === 'hello') {
        this.#gateways.add(gateway);
        this.#write(gateway, {
          case: 'hello',
          value: create(HelloResultSchema, { appendCreditBytes: 64n << 20n, maxBatchBytes: 1 << 20 }),
        });
      } else if (frame.case === 'append') this.#append(gateway, frame.value);
      else if (frame.case === 'filters') this.#filters(gateway, frame.value);
      else if (frame.case === 'backlog') this.#read(gateway, frame.value);
    });
    const over = (): void => void this.#gateways.delete(gateway);
    stream.on('cancelled', over);
    stream.on('error', over);
    stream.on('end', () => {
      over();
      stream.end();
    });
  }

  #write({ stream }: Gateway, frame: ExchangeResponse['frame']): void {
    stream.write(create(ExchangeResponseSchema, { frame }));
  }

  #shard(streamId: number, shard: number): StoredShard {
    const name = `${streamId}/${shard}`;
    let stored = this.#shards.get(name);
    if (stored === undefined) {
      stored = { streamId, shard, batches: [], nextOffset: 0, epochs: [] };
      this.#shards.set(name, stored);
    }
    return stored;
  }

  #store(stored: StoredShard, batch: Buffer): void {
    batchHeader.stampBaseOffset(batch, 0, stored.nextOffset);
    stored.batches.push(batch);
    stored.nextOffset = batchHeader.lastOffset(batch, 0) + 1;
  }

  #append(gateway: Gateway, frame: AppendFrame): void {
    let at = 0;
    const bytes = Buffer.from(frame.batches);
    for (const section of frame.sections) {
      if (section.traceparent !== '') this.traceparents.push(section.traceparent);
      const batch = Buffer.from(bytes.subarray(at, at + section.sizeBytes));
      at += section.sizeBytes;
      const { correlation } = section;
      const held = {
        shard: section.shard,
        acknowledgeInMemory: section.acknowledgeInMemory,
        commit: () => this.#commit(gateway, section.streamId, section.shard, batch, correlation),
        fail: (code: string) => {
          const failure = create(FailureSchema, { code, message: 'scripted' });
          this.#write(gateway, {
            case: 'append',
            value: answerOf(create(AppendOutcomeSchema, { correlation, failure })),
          });
        },
      };
      if (batch.length > this.maxMessageBytes) held.fail('too_large');
      else if (this.holdAppends) this.held.push(held);
      else held.commit();
    }
  }

  #commit(gateway: Gateway, streamId: number, shard: number, batch: Buffer, correlation: bigint): void {
    const stored = this.#shard(streamId, shard);
    const from = stored.nextOffset;
    this.#store(stored, batch);
    const outcome = create(AppendOutcomeSchema, {
      correlation,
      baseOffset: BigInt(from),
      leaderEpoch: this.leaderEpoch,
    });
    for (const other of this.#gateways) {
      const isOwn = other === gateway;
      if (this.isTailMute) {
        if (isOwn) this.#write(other, { case: 'append', value: answerOf(outcome) });
        continue;
      }
      this.#write(other, {
        case: 'tail',
        value: create(TailFrameSchema, {
          outcomes: isOwn ? [outcome] : [],
          sections: [
            this.#section(
              stored,
              from,
              isOwn ? TailKind.ELIDED : TailKind.BATCHES,
              isOwn ? 0 : batch.length,
              isOwn ? correlation : 0n,
            ),
          ],
          batches: isOwn ? Buffer.alloc(0) : batch,
        }),
      });
    }
  }

  #section(
    stored: StoredShard,
    from: number,
    kind: TailKind,
    sizeBytes: number,
    correlation: bigint,
  ): TailSection {
    return create(TailSectionSchema, {
      streamId: stored.streamId,
      shard: stored.shard,
      leaderEpoch: this.leaderEpoch,
      kind,
      fromOffset: BigInt(from),
      nextOffset: BigInt(stored.nextOffset),
      sizeBytes,
      correlation,
      highWatermark: BigInt(stored.nextOffset),
      logStartOffset: BigInt(this.logStartOffset),
    });
  }

  #filters(gateway: Gateway, frame: FilterFrame): void {
    for (const { filterId, filter } of frame.add) gateway.filters.set(filterId, filter);
    for (const filterId of frame.remove) gateway.filters.delete(filterId);
    if (this.ignoreFilters) return;
    for (const { streamId, shard, offset } of frame.resume)
      this.#resume(gateway, this.#shard(streamId, shard), Number(offset));
    for (const { streamId, shard } of this.leads()) this.#shard(streamId, shard);
    const led = [...this.#shards.values()].filter(
      (each) => !this.notLed.has(`${each.streamId}/${each.shard}`),
    );
    const onlyMarks = frame.marksFor.length > 0;
    const marks = (this.hasNoMarks ? [] : led).map(({ streamId, shard, nextOffset }) =>
      create(ShardMarksSchema, { streamId, shard, leaderEpoch: 1, highWatermark: BigInt(nextOffset) }),
    );
    const activeFrom = led.map(({ streamId, shard, nextOffset }) =>
      create(ShardPositionSchema, {
        streamId,
        shard,
        leaderEpoch: this.leaderEpoch,
        offset: BigInt(nextOffset),
      }),
    );
    this.#write(gateway, {
      case: 'filters',
      value: create(FilterResultFrameSchema, {
        requestId: frame.requestId,
        ...(onlyMarks ? { marks } : { activeFrom }),
      }),
    });
  }

  /** The tail of a shard goes on where the gateway is. */
  #resume(gateway: Gateway, stored: StoredShard, offset: number): void {
    let from = offset;
    for (const batch of stored.batches) {
      const nextOffset = batchHeader.lastOffset(batch, 0) + 1;
      if (nextOffset <= offset) continue;
      const section = this.#section(stored, from, TailKind.BATCHES, batch.length, 0n);
      section.nextOffset = BigInt(nextOffset);
      this.#write(gateway, {
        case: 'tail',
        value: create(TailFrameSchema, { sections: [section], batches: batch }),
      });
      from = nextOffset;
    }
  }

  #read(gateway: Gateway, frame: BacklogFrame): void {
    if (this.holdReads) this.heldReads.push(() => this.#backlog(gateway, frame));
    else this.#backlog(gateway, frame);
  }

  #backlog(gateway: Gateway, frame: BacklogFrame): void {
    const pieces: Buffer[] = [];
    const outcomes = frame.reads.map((read) => {
      const stored = this.#shard(read.streamId, read.shard);
      const end = read.toOffset < 0n ? stored.nextOffset : Number(read.toOffset);
      const places = read.offsets.map(Number);
      const to = places.length > 0 ? places.at(-1)! + 1 : end;
      let next = places[0] ?? Number(read.fromOffset);
      let sizeBytes = 0;
      let records = 0;
      for (const batch of stored.batches) {
        const last = batchHeader.lastOffset(batch, 0);
        if (last < next || batchHeader.baseOffset(batch, 0) >= to || records >= read.maxRecords) continue;
        if (batchHeader.codec(batch, 0) !== 0) {
          // Opaque: whoever reads matches for himself (rule X1).
          next = last + 1;
          records += batchHeader.recordCount(batch, 0);
          pieces.push(batch);
          sizeBytes += batch.length;
          continue;
        }
        const picked = pickRecords(batch, 0, (record) => {
          if (record.offset < next || record.offset >= to) return false;
          if (places.length > 0) return places.includes(record.offset);
          const topic = record.key?.toString() ?? '';
          return read.filters.some((filter) => matchesFilter(filter, topic));
        });
        next = Math.min(last + 1, to);
        if (batchHeader.recordCount(picked, 0) === 0) continue;
        records += batchHeader.recordCount(picked, 0);
        pieces.push(picked);
        sizeBytes += picked.length;
      }
      return create(BacklogOutcomeSchema, {
        readId: read.readId,
        fromOffset: read.fromOffset,
        nextOffset: BigInt(records >= read.maxRecords ? next : Math.max(next, to)),
        sizeBytes,
        highWatermark: BigInt(stored.nextOffset),
        leaderEpoch: this.leaderEpoch,
      });
    });
    this.#write(gateway, {
      case: 'backlog',
      value: create(BacklogResultFrameSchema, { outcomes, batches: Buffer.concat(pieces) }),
    });
  }
}

function answerOf(outcome: AppendOutcome): AppendResultFrame {
  return create(AppendResultFrameSchema, { outcomes: [outcome] });
}
