// Drives a ConsumerGroup as a coordinator would: tokens, stored records and answers, with the clock in the test's hand.
import {
  ConsumerGroup,
  type GroupConfig,
  type JoinRequest,
  type JoinResult,
  type SyncRequest,
  type SyncResult,
} from '../src/index.ts';
import { DEFAULT_GROUP_CONFIG } from '../src/types.ts';
import type { GroupRecord, StoredRecord } from '../src/types.ts';

export const RANGE = 'range';

export class Harness {
  readonly group: ConsumerGroup;
  readonly joins = new Map<number, JoinResult>();
  readonly syncs = new Map<number, SyncResult>();
  /** Records in the order in which they were to be stored. */
  readonly records: { readonly id: number; readonly record: GroupRecord }[] = [];
  /** Stores at once; off: the test calls {@link store}. */
  autoPersist = true;
  nowMs = 0;
  #token = 0;
  #memberId = 0;

  constructor(config: Partial<GroupConfig> = {}, stored?: StoredRecord, nowMs = 0) {
    this.nowMs = nowMs;
    this.group = new ConsumerGroup(
      'g',
      { ...DEFAULT_GROUP_CONFIG, initialRebalanceDelayMs: 0, ...config },
      {
        joined: (token, result) => this.#answer(this.joins, token, result),
        synced: (token, result) => this.#answer(this.syncs, token, result),
        persist: (id, record) => {
          this.records.push({ id, record });
          if (this.autoPersist) this.group.persisted(id, 'NONE', this.nowMs);
        },
      },
    );
    if (stored !== undefined) this.group.restore(stored, nowMs);
  }

  #answer<T>(answers: Map<number, T>, token: number, result: T): void {
    if (answers.has(token)) throw new RangeError(`token ${token} was answered twice`);
    answers.set(token, result);
  }

  /** Moves time, ticking at every deadline on the way. */
  advance(durationMs: number): void {
    const end = this.nowMs + durationMs;
    for (let due = this.group.nextDeadlineMs(); due <= end; due = this.group.nextDeadlineMs()) {
      this.nowMs = Math.max(this.nowMs, due);
      this.group.tick(this.nowMs);
    }
    this.nowMs = end;
    this.group.tick(end);
  }

  join(options: Partial<JoinRequest> & { readonly topics?: readonly string[] } = {}): number {
    this.#token += 1;
    this.#memberId += 1;
    this.group.join(
      {
        memberId: '',
        groupInstanceId: null,
        clientId: 'client',
        clientHost: '/127.0.0.1',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 30_000,
        protocolType: 'consumer',
        protocols: [{ name: RANGE, metadata: subscription(options.topics ?? ['t']) }],
        requireKnownMemberId: false,
        supportSkippingAssignment: true,
        newMemberId: `m${this.#memberId}`,
        ...options,
      },
      this.#token,
      this.nowMs,
    );
    return this.#token;
  }

  sync(options: Partial<SyncRequest> & { readonly memberId: string }): number {
    this.#token += 1;
    this.group.sync(
      {
        groupInstanceId: null,
        generationId: this.group.generationId,
        protocolType: 'consumer',
        protocolName: RANGE,
        assignments: [],
        ...options,
      },
      this.#token,
      this.nowMs,
    );
    return this.#token;
  }

  /** Reports the outcome of the last record. */
  store(error: Parameters<ConsumerGroup['persisted']>[1] = 'NONE'): void {
    const last = this.records.at(-1);
    if (last !== undefined) this.group.persisted(last.id, error, this.nowMs);
  }

  /** The last record, as the next coordinator reads it. */
  stored(): StoredRecord {
    const last = this.records.at(-1);
    if (last === undefined) throw new RangeError('nothing was stored');
    return { ...last.record, isComplete: true };
  }

  /** A stable group of so many dynamic members; answers their ids, the leader first. */
  stable(count: number, options: Parameters<Harness['join']>[0] = {}): string[] {
    let memberIds: string[] = [];
    for (let n = 0; n < count; n += 1) {
      const newcomer = this.join(options);
      // Whoever is there already joins again, as its heartbeat tells it to.
      const tokens = [...memberIds.map((memberId) => this.join({ ...options, memberId })), newcomer];
      memberIds = this.finish(tokens);
    }
    return memberIds;
  }

  /** Syncs everyone whose join was answered; the leader assigns `a:<memberId>`. */
  finish(tokens: readonly number[]): string[] {
    const joined = tokens.map((token) => this.joins.get(token));
    const memberIds = joined.map((result) => result?.memberId ?? '');
    const leaderId = joined[0]?.leaderId ?? '';
    for (const memberId of memberIds) {
      const leads = memberId === leaderId;
      const assignments = memberIds.map((id) => ({ memberId: id, assignment: Buffer.from(`a:${id}`) }));
      this.sync({ memberId, assignments: leads ? assignments : [] });
    }
    return [leaderId, ...memberIds.filter((id) => id !== leaderId)];
  }

  heartbeat(
    memberId: string,
    generationId = this.group.generationId,
    groupInstanceId: string | null = null,
  ): string {
    return this.group.heartbeat({ memberId, groupInstanceId }, generationId, this.nowMs);
  }
}

/** A ConsumerProtocolSubscription of version 0. */
export function subscription(topics: readonly string[]): Buffer {
  const head = Buffer.alloc(6);
  head.writeInt32BE(topics.length, 2);
  const parts: Buffer[] = [head];
  for (const topic of topics) {
    const size = Buffer.alloc(2);
    size.writeInt16BE(Buffer.byteLength(topic));
    parts.push(size, Buffer.from(topic));
  }
  parts.push(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  return Buffer.concat(parts);
}
