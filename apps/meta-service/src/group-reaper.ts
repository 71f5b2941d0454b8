// Groups that nobody has used for the retention of offsets (KIP-211), and offsets of streams that are gone. Bounded steps.
import { create } from '@bufbuild/protobuf';
import type { KeyValueStore } from '@robustmq/kv-store';
import {
  DropStrayOffsetsSchema,
  ExpireGroupsSchema,
  GroupKeySchema,
  StrayOffsetSchema,
  type Command,
  type StrayOffset,
} from '@robustmq/rpc';
import { commandSlices } from './command-slices.ts';
import { RENEW_AFTER_MS } from './data/groups.ts';
import { afterPrefix, allOffsets, idleGroupKey, idleGroups, partsOf } from './data/keys.ts';
import { dataFamily } from './families.ts';

/** Groups that expire per step. */
const STEP = 200;
/** Steps per run and data group. */
const STEPS_PER_RUN = 4;
/** Offsets looked at per step: one of them may be large, so it is not many. */
const SWEEP_ROWS = 256;
/** A stream and a shard, 4 bytes each, end the key of an offset. */
const PLACE_BYTES = 8;

/** The part of meta-service that the reaper works on. */
export interface GroupReaperHost {
  readonly dataGroups: number;
  readonly store: KeyValueStore;
  nowMs(): number;
  /** Whether the stream was deleted; its id is never given again (rule X4). */
  isDeletedStream(streamId: number): boolean;
  /** Proposes a command of a data group (0-based). */
  data(group: number, command: Command['command']): Promise<unknown>;
}

/** See the file head. */
export class GroupReaper {
  readonly #host: GroupReaperHost;
  readonly #retentionMs: number;
  /** Where the look at offsets goes on, by data group. */
  readonly #sweptTo = new Map<number, Buffer>();

  constructor(host: GroupReaperHost, retentionMs: number) {
    this.#host = host;
    this.#retentionMs = retentionMs;
  }

  /** One bounded run. */
  async run(): Promise<void> {
    for (let group = 0; group < this.#host.dataGroups; group++) {
      await this.#expireSome(group);
      for (let step = 0; step < STEPS_PER_RUN; step++) if (await this.#sweepSome(group)) break;
    }
  }

  async #expireSome(group: number): Promise<void> {
    const { store } = this.#host;
    // The last commit may be younger than the time that the group is listed under.
    const idleUntilMs = BigInt(this.#host.nowMs() - this.#retentionMs - RENEW_AFTER_MS);
    const range = { from: idleGroups(), until: idleGroupKey(idleUntilMs + 1n, '', ''), limit: STEP };
    for (let step = 0; step < STEPS_PER_RUN; step++) {
      const page = await store.scan(dataFamily(group), range);
      if (page.length === 0) return;
      for (const slice of commandSlices(page)) {
        const groups = slice.map(({ key }) => {
          const [, , tenant = '', groupId = ''] = partsOf(key);
          return create(GroupKeySchema, { tenant, groupId });
        });
        const value = create(ExpireGroupsSchema, { groups, idleUntilMs });
        await this.#host.data(group, { case: 'expireGroups', value });
      }
    }
  }

  /** Drops offsets of streams that are gone, a page further; whether it was the last. */
  async #sweepSome(group: number): Promise<boolean> {
    const from = this.#sweptTo.get(group) ?? allOffsets();
    const until = afterPrefix(allOffsets());
    const page = await this.#host.store.scan(dataFamily(group), { from, until, limit: SWEEP_ROWS });
    const last = page.at(-1);
    const isLast = last === undefined || page.length < SWEEP_ROWS;
    if (isLast) this.#sweptTo.delete(group);
    else this.#sweptTo.set(group, Buffer.concat([last.key, Buffer.alloc(1)]));
    for (const slice of commandSlices(page)) {
      const offsets = slice.flatMap(({ key }) => this.#stray(key));
      if (offsets.length === 0) continue;
      const value = create(DropStrayOffsetsSchema, { offsets });
      await this.#host.data(group, { case: 'dropStrayOffsets', value });
    }
    return isLast;
  }

  /** By the key alone: the value may have 64 KiB of a client's metadata. */
  #stray(key: Buffer): StrayOffset[] {
    const streamId = key.readUInt32BE(key.length - PLACE_BYTES);
    const shard = key.readUInt32BE(key.length - PLACE_BYTES / 2);
    if (!this.#host.isDeletedStream(streamId)) return [];
    const [, tenant = '', groupId = ''] = partsOf(key.subarray(0, -PLACE_BYTES));
    return [create(StrayOffsetSchema, { group: { tenant, groupId }, streamId, shard })];
  }
}
