// The filter frames of one gateway, one after the other and in slices of the loop (rules X5, N8): a reconnecting gateway sends
// all its filters at once, and appends have their turn between them.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { topicFilter } from '@robustmq/mqtt-topics';
import {
  FilterResultFrameSchema,
  ShardPositionSchema,
  toFailure,
  type ExchangeResponse,
  type FilterEntry,
  type FilterFrame,
  type ShardPosition,
} from '@robustmq/rpc';
import { marksOf } from '../shard/marks.ts';
import type { ReadTurns } from '../shard/read-turns.ts';
import type { Shard } from '../shard/shard.ts';
import { mayHold } from '../shard/stream-topics.ts';
import type { GatewayFilters } from './gateway-filters.ts';
import type { GatewayTail } from './gateway-tail.ts';

/** What filter frames need of the stream and the server. */
export interface FilterFramesHost {
  readonly filters: GatewayFilters;
  readonly turns: ReadTurns;
  /** The tail of this stream; opened by the first call. */
  tail(): GatewayTail;
  shardOf(streamId: number, shard: number): Shard | BrokerError;
  /** Shards led here that MQTT can see. */
  visibleShards(): Iterable<Shard>;
  whenRevision(revision: number, callback: () => void): void;
  /** Everything that was collected for the gateway leaves now. */
  flush(): void;
  send(frame: ExchangeResponse['frame']): void;
  failed(error: BrokerError): void;
}

/** Frames of one stream that wait. */
const MAX_QUEUED_FRAMES = 65_536;
const MAX_FILTERS = 2_000_000;

/** One stream's filter frames. */
export class FilterFrames {
  readonly #host: FilterFramesHost;
  readonly #queue: FilterFrame[] = [];
  #isBusy = false;
  #isClosed = false;

  constructor(host: FilterFramesHost) {
    this.#host = host;
  }

  /** Frames take effect in the order received; one that is ahead of the view makes the others wait. */
  receive(frame: FilterFrame): void {
    if (this.#queue.length >= MAX_QUEUED_FRAMES) {
      throw new BrokerError('quota_exceeded', 'too many filter frames');
    }
    this.#queue.push(frame);
    this.#next();
  }

  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
  }

  #next(): void {
    if (this.#isBusy) return;
    const frame = this.#queue.shift();
    if (frame === undefined) return;
    this.#isBusy = true;
    this.#host.whenRevision(Number(frame.minRevision), () => {
      this.#apply(frame).then(
        () => {
          this.#isBusy = false;
          this.#next();
        },
        (error: unknown) => this.#host.failed(BrokerError.from(error)),
      );
    });
  }

  async #apply(frame: FilterFrame): Promise<void> {
    if (this.#isClosed) return;
    const failure = await this.#change(frame);
    const concerned = await this.#concerned([...frame.add, ...frame.marksFor]);
    if (this.#isClosed) return;
    // From here on in one turn: an answer says from which offset on the filters are active, and none may pass it meanwhile.
    const tail = this.#host.tail();
    for (const { streamId, shard, offset } of frame.resume) {
      const found = this.#host.shardOf(streamId, shard);
      if (!(found instanceof BrokerError) && found.mqttVisible) tail.resume(found, Number(offset));
    }
    const onlyMarks = frame.marksFor.length > 0;
    const led = [...this.#host.visibleShards()].filter(({ streamId }) => concerned.has(streamId));
    const activeFrom = onlyMarks ? [] : led.map((shard) => positionOf(shard, tail.activeFrom(shard)));
    const marks = onlyMarks ? led.filter(knowsWhatIsCommitted).map(marksOf) : [];
    // In the tail, in order: what was skipped up to here leaves first.
    this.#host.flush();
    const { requestId } = frame;
    const answer = {
      requestId,
      activeFrom,
      marks,
      ...(failure === undefined ? {} : { failure: toFailure(failure) }),
    };
    this.#host.send({ case: 'filters', value: create(FilterResultFrameSchema, answer) });
  }

  async #change(frame: FilterFrame): Promise<BrokerError | undefined> {
    const { filters, turns } = this.#host;
    for (const filterId of frame.remove) {
      filters.remove(filterId);
      if (turns.isSpent) await turns.next();
    }
    for (const { filterId, tenant, filter } of frame.add) {
      if (topicFilter.problem(filter) !== undefined) {
        return new BrokerError('invalid_argument', 'not a topic filter', { details: { filterId } });
      }
      if (filters.size >= MAX_FILTERS) return new BrokerError('quota_exceeded', 'too many filters');
      filters.add(filterId, tenant, filter);
      if (turns.isSpent) await turns.next();
    }
    return undefined;
  }

  /** Streams that can hold a topic of any of the filters; one that becomes visible meanwhile is asked as well. */
  async #concerned(wanted: readonly FilterEntry[]): Promise<ReadonlySet<number>> {
    const { turns } = this.#host;
    const concerned = new Set<number>();
    const asked = new Set<number>();
    while (wanted.length > 0) {
      const shard = firstOf(this.#host.visibleShards(), ({ streamId }) => !asked.has(streamId));
      if (shard === undefined || this.#isClosed) break;
      asked.add(shard.streamId);
      const stream = shard.stream!;
      for (const { tenant, filter } of wanted) {
        if (turns.isSpent) await turns.next();
        if (tenant !== stream.tenant || !mayHold(stream, filter)) continue;
        concerned.add(shard.streamId);
        break;
      }
    }
    return concerned;
  }
}

function firstOf(shards: Iterable<Shard>, isWanted: (shard: Shard) => boolean): Shard | undefined {
  for (const shard of shards) if (isWanted(shard)) return shard;
  return undefined;
}

/** What was committed, and delivered, under the last leader may lie above the HW of a new one (KIP-207). */
function knowsWhatIsCommitted({ leader }: Shard): boolean {
  return leader?.latestOffsetAvailable === true;
}

function positionOf(shard: Shard, offset: number): ShardPosition {
  return create(ShardPositionSchema, {
    streamId: shard.streamId,
    shard: shard.shard,
    leaderEpoch: shard.leaderEpoch,
    offset: BigInt(offset),
  });
}
