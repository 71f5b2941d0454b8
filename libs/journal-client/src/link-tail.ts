// The tail of one link: registered filters, where each shard's tail has come to, and elided batches put back. After a
// reconnect the same filters are registered again and each tail resumes where it stopped, so that callers see no seam.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { batchHeader } from '@robustmq/record-batch';
import {
  FilterEntrySchema,
  FilterFrameSchema,
  fromFailure,
  ShardPositionSchema,
  TailKind,
  type FilterResultFrame,
  type TailFrame,
  type TailSection,
} from '@robustmq/rpc';
import type { AppendSender } from './append-sender.ts';
import { bufferOf } from './fetches.ts';
import type { JournalLink } from './link.ts';
import type {
  FilterChange,
  FilterRegistration,
  ShardMarksValue,
  ShardPositionValue,
  TailBatches,
  TenantFilter,
} from './types.ts';
import type { TailPosition, TailPositions } from './tail-positions.ts';
import { ReceivedSection, type SectionCredit } from './tail-section.ts';

/** Answer to a change of filters or a question for marks by one journal-server. */
export interface FilterAnswer {
  readonly activeFrom: readonly ShardPositionValue[];
  readonly marks: readonly ShardMarksValue[];
}

/** Hears the answer to a change of filters or a question for marks, once. */
export type AnswerCallback = (error: BrokerError | undefined, answer: FilterAnswer) => void;

/** A FilterFrame stays below this (rule X5: slices of at most 64 KiB). */
const MAX_FILTER_SLICE_BYTES = 60 * 1024;
/** Protobuf overhead of an entry beside its strings. */
const FILTER_ENTRY_BYTES = 16;
const NO_ANSWER: FilterAnswer = { activeFrom: [], marks: [] };

/** Tail state towards one journal-server. */
export class LinkTail {
  readonly #link: JournalLink;
  readonly #sender: AppendSender;
  readonly #revision: () => number;
  readonly #positions: TailPositions;
  readonly #pending = new Map<number, AnswerCallback>();
  /** Shards whose tail was asked to go back to where we are: until the answer nothing ahead of that is taken. */
  readonly #resuming = new Set<TailPosition>();
  #lastRequestId = 0;

  constructor(link: JournalLink, sender: AppendSender, positions: TailPositions, revision: () => number) {
    this.#link = link;
    this.#positions = positions;
    this.#sender = sender;
    this.#revision = revision;
  }

  /** First frames of an instance: all filters, and where the tails go on. */
  open(filters: Iterable<FilterRegistration>, resume: readonly ShardPositionValue[]): void {
    this.change({ add: [...filters] }, undefined, resume);
  }

  /** Sends a change in slices; the callback hears the answer to the last one, which covers all before. */
  change(
    change: FilterChange,
    callback: AnswerCallback | undefined,
    resume: readonly ShardPositionValue[] = [],
  ): void {
    const slices = slice(change.add ?? []);
    slices.forEach((add, index) => {
      this.#request(
        {
          add: add.map((entry) => create(FilterEntrySchema, entry)),
          remove: index === 0 ? [...(change.remove ?? [])] : [],
          resume: index === 0 ? resume.map(toPosition) : [],
        },
        index === slices.length - 1 ? callback : undefined,
      );
    });
  }

  /** Asks for current marks of the shards that can hold the filters (rule X3). */
  marksFor(filters: readonly TenantFilter[], callback: AnswerCallback): void {
    this.#request(
      { marksFor: filters.map(({ tenant, filter }) => create(FilterEntrySchema, { tenant, filter })) },
      callback,
    );
  }

  #request(
    fields: Partial<Pick<Parameters<typeof filterFrame>[0], 'add' | 'remove' | 'resume' | 'marksFor'>>,
    callback: AnswerCallback | undefined,
  ): void {
    const requestId = ++this.#lastRequestId;
    if (callback !== undefined) this.#pending.set(requestId, callback);
    this.#link.send({
      case: 'filters',
      value: filterFrame({ ...fields, requestId, minRevision: this.#revision() }),
    });
  }

  /** The answer to a request. */
  answered(frame: FilterResultFrame): void {
    const requestId = Number(frame.requestId);
    const activeFrom = frame.activeFrom.map((position) => ({
      streamId: position.streamId,
      shard: position.shard,
      leaderEpoch: position.leaderEpoch,
      offset: Number(position.offset),
    }));
    // A stream that breaks before the first section of a shard must not lose what was committed meanwhile.
    for (const position of activeFrom) this.#positions.began(position, this.#link.nodeId);
    const callback = this.#pending.get(requestId);
    if (callback === undefined) return;
    this.#pending.delete(requestId);
    callback(fromFailure(frame.failure), {
      activeFrom,
      marks: frame.marks.map((marks) => ({
        streamId: marks.streamId,
        shard: marks.shard,
        leaderEpoch: marks.leaderEpoch,
        logStartOffset: Number(marks.logStartOffset),
        highWatermark: Number(marks.highWatermark),
        lastStableOffset: Number(marks.lastStableOffset),
        logEndOffset: Number(marks.logEndOffset),
        durableLogEndOffset: Number(marks.durableLogEndOffset),
      })),
    });
  }

  /** The instance is gone: requests under way fail; filters and positions stay. */
  broken(error: BrokerError): void {
    const callbacks = [...this.#pending.values()];
    this.#pending.clear();
    this.#resuming.clear();
    for (const callback of callbacks) callback(error, NO_ANSWER);
  }

  /** Has the tails of these shards go on at our positions. */
  resume(positions: readonly TailPosition[], callback?: AnswerCallback): void {
    for (const position of positions) position.nodeId = this.#link.nodeId;
    this.change({}, callback, positions);
  }

  /**
   * Walks a tail frame in order.
   * @throws BrokerError internal when the journal broke the order of frames; the caller restarts the link.
   */
  receive(frame: TailFrame, credit: SectionCredit, onTail: (batches: TailBatches) => void): void {
    let at = 0;
    for (const section of frame.sections) {
      const end = at + section.sizeBytes;
      if (this.#isNext(section)) {
        const batches =
          section.kind === TailKind.ELIDED
            ? this.#putBack(Number(section.correlation), Number(section.fromOffset), section.leaderEpoch)
            : bufferOf(frame.batches, at, end);
        const received = new ReceivedSection(section, batches, credit);
        const { streamId, shard, leaderEpoch, nextOffset } = received;
        this.#positions.moved(streamId, shard, leaderEpoch, nextOffset, this.#link.nodeId);
        onTail(received);
        received.returned();
      } else {
        credit.taken(section, section.sizeBytes);
      }
      at = end;
    }
  }

  /**
   * Whether a section goes on where we are. A leader whose epoch has passed is not believed (I6). One that is ahead of us
   * although the log still holds what lies between does not know our position yet: it is told, and what it sends until
   * then comes again (N5).
   */
  #isNext(section: TailSection): boolean {
    const position = this.#positions.get(section.streamId, section.shard);
    if (position === undefined) return true;
    if (section.leaderEpoch < position.leaderEpoch) return false;
    const fromOffset = Number(section.fromOffset);
    if (fromOffset <= position.offset || Number(section.logStartOffset) >= fromOffset) return true;
    if (!this.#resuming.has(position)) {
      this.#resuming.add(position);
      this.resume([position], () => this.#resuming.delete(position));
    }
    return false;
  }

  #putBack(correlation: number, baseOffset: number, leaderEpoch: number): Buffer {
    const batch = this.#sender.elided(correlation);
    // The journal elides only what it answered in the same commit: anything else is a broken peer.
    if (batch === undefined) throw new BrokerError('internal', 'the tail elided an unknown batch');
    batchHeader.stampBaseOffset(batch, 0, baseOffset);
    batchHeader.stampLeaderEpoch(batch, 0, leaderEpoch);
    return batch;
  }
}

function slice(add: readonly FilterRegistration[]): FilterRegistration[][] {
  const slices: FilterRegistration[][] = [[]];
  let bytes = 0;
  for (const entry of add) {
    const entryBytes = FILTER_ENTRY_BYTES + entry.tenant.length + Buffer.byteLength(entry.filter);
    if (bytes > 0 && bytes + entryBytes > MAX_FILTER_SLICE_BYTES) {
      slices.push([]);
      bytes = 0;
    }
    slices[slices.length - 1]!.push(entry);
    bytes += entryBytes;
  }
  return slices;
}

function filterFrame(fields: {
  requestId: number;
  minRevision: number;
  add?: ReturnType<typeof create<typeof FilterEntrySchema>>[];
  remove?: number[];
  resume?: ReturnType<typeof toPosition>[];
  marksFor?: ReturnType<typeof create<typeof FilterEntrySchema>>[];
}) {
  return create(FilterFrameSchema, {
    requestId: BigInt(fields.requestId),
    minRevision: BigInt(fields.minRevision),
    add: fields.add ?? [],
    remove: fields.remove ?? [],
    resume: fields.resume ?? [],
    marksFor: fields.marksFor ?? [],
  });
}

function toPosition(position: ShardPositionValue) {
  return create(ShardPositionSchema, { ...position, offset: BigInt(position.offset) });
}
