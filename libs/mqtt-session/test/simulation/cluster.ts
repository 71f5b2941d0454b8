// The world around one durable session: a scripted log of a few shards, two gateways that follow it and crash, and the
// session's rows in meta. Everything happens in steps that the seed picks.

import type { Place } from '../../src/outbound/place.ts';
import type { StartOffset } from '../../src/outbound/start-positions.ts';

/** A record of the log. */
export interface LogRecord {
  readonly shard: number;
  readonly offset: number;
  readonly topic: string;
  /** Step at which it was published. */
  readonly atStep: number;
}

/** Shards as arrays; a topic belongs to one. */
export class ScriptedLog {
  readonly shards: LogRecord[][];

  constructor(shardCount: number) {
    this.shards = Array.from({ length: shardCount }, () => []);
  }

  shardOf(topic: string): number {
    return topic.charCodeAt(topic.length - 1) % this.shards.length;
  }

  publish(topic: string, atStep: number): LogRecord {
    const shard = this.shardOf(topic);
    const records = this.shards[shard]!;
    const record = { shard, offset: records.length, topic, atStep };
    records.push(record);
    return record;
  }

  highWatermark(shard: number): number {
    return this.shards[shard]!.length;
  }
}

/** The tail of one shard on one gateway, and the ring of what it brought. */
export class SimulatedTail implements Place {
  readonly key: number;
  readonly leaderEpoch = 1;
  nextOffset: number;
  ringStart: number;
  /** Offsets that the tail brought: what a filter of the gateway matched when they passed. */
  readonly ring = new Set<number>();

  constructor(key: number, nextOffset: number) {
    this.key = key;
    this.nextOffset = this.ringStart = nextOffset;
  }

  get deliveredBelow(): number {
    return this.nextOffset;
  }
}

interface Registration {
  users: number;
  /** Per shard the offset from which the tail has what the filter matches; absent: its leader has not answered. */
  readonly activeFrom: Map<number, number>;
}

/** Whether a filter of the simulation (an exact topic, or `#`) matches. */
export function matches(filter: string, topic: string): boolean {
  return filter === '#' || filter === topic;
}

/** One gateway while it lives. */
export class SimulatedGateway {
  readonly name: string;
  readonly tails = new Map<number, SimulatedTail>();
  readonly #log: ScriptedLog;
  readonly #registered = new Map<string, Registration>();

  constructor(name: string, log: ScriptedLog) {
    this.name = name;
    this.#log = log;
  }

  register(filter: string): void {
    const known = this.#registered.get(filter);
    if (known === undefined) this.#registered.set(filter, { users: 1, activeFrom: new Map() });
    else known.users++;
  }

  unregister(filter: string): void {
    const known = this.#registered.get(filter);
    if (known !== undefined && --known.users === 0) this.#registered.delete(filter);
  }

  /** Filters and shards that wait for an answer. */
  unanswered(): { readonly filter: string; readonly shard: number }[] {
    const open: { filter: string; shard: number }[] = [];
    for (const [filter, { activeFrom }] of this.#registered) {
      for (let shard = 0; shard < this.#log.shards.length; shard++)
        if (!activeFrom.has(shard)) open.push({ filter, shard });
    }
    return open;
  }

  /** The leader of a shard answers: from here on the tail has what the filter matches. */
  answer(filter: string, shard: number): void {
    const offset = this.#log.highWatermark(shard);
    if (!this.tails.has(shard)) this.tails.set(shard, new SimulatedTail(shard, offset));
    this.#registered.get(filter)!.activeFrom.set(shard, offset);
  }

  activeFrom(filter: string, shard: number): number | undefined {
    return this.#registered.get(filter)?.activeFrom.get(shard);
  }

  /** The vector that a SUBSCRIBE gets once every shard has answered. */
  vectorOf(filter: string): Map<number, StartOffset> {
    const vector = new Map<number, StartOffset>();
    for (const [shard, offset] of this.#registered.get(filter)!.activeFrom)
      vector.set(shard, { streamId: 0, shard, leaderEpoch: 1, offset });
    return vector;
  }

  /** Whether the tail brings a record. */
  brings({ topic, shard, offset }: LogRecord): boolean {
    for (const [filter, { activeFrom }] of this.#registered) {
      const from = activeFrom.get(shard);
      if (from !== undefined && offset >= from && matches(filter, topic)) return true;
    }
    return false;
  }
}

/** Where a shard was left. */
export interface CursorRow {
  readonly offset: number;
  /** Everything below was sent; 0: not said. */
  readonly sentBelow: number;
}

/** A message in flight at the end of a connection. */
export interface OutboundRow {
  readonly packetId: number;
  readonly shard: number;
  readonly offset: number;
}

/** What an owner leaves to the next. */
export interface Places {
  readonly cursors: Map<number, CursorRow>;
  readonly outbound: OutboundRow[];
  readonly isUncertain: boolean;
}

/** A subscription as its row has it. */
export interface FilterRow {
  readonly starts: Map<number, StartOffset>;
  readonly qos: 0 | 1;
}

/** Who opens the session. */
export interface RowOwner {
  readonly isAlive: boolean;
}

/** Answer to an open. */
export interface OpenedRows<O> {
  readonly epoch: bigint;
  readonly oldEpoch: bigint;
  /** Serves it still. */
  readonly owner: O | null;
  readonly isUncertain: boolean;
}

/** The rows of the session in meta. */
export class SessionRows<O extends RowOwner = RowOwner> {
  epoch = 0n;
  readonly filters = new Map<string, FilterRow>();
  readonly cursors = new Map<number, CursorRow>();
  #outbound: readonly OutboundRow[] = [];
  #owner: O | null = null;
  /** An owner ended without a release. */
  #isUncertain = false;
  /** What the rows say of the connection that wrote them is not sure either. */
  #isDoubtful = false;

  /** Takes the session over: whoever had it is fenced. */
  open(owner: O): OpenedRows<O> {
    const before = this.#owner;
    const isUncertain = this.#isUncertain || before !== null;
    const isServed = before?.isAlive === true && before !== owner;
    this.#owner = owner;
    this.#isUncertain = isUncertain;
    const oldEpoch = this.epoch++;
    return { epoch: this.epoch, oldEpoch, owner: isServed ? before : null, isUncertain };
  }

  /** False: fenced. Without places the rows stay as they are. */
  release(epoch: bigint, places: Places | undefined): boolean {
    if (epoch !== this.epoch) return false;
    this.#owner = null;
    if (places === undefined) return true;
    for (const [shard, cursor] of places.cursors) this.cursors.set(shard, cursor);
    this.#outbound = places.outbound;
    this.#isUncertain = false;
    this.#isDoubtful = places.isUncertain;
    return true;
  }

  places(): Places {
    const outbound = [...this.#outbound];
    return { cursors: new Map(this.cursors), outbound, isUncertain: this.#isDoubtful };
  }
}
