// What is asked of all streams, counted as they change instead of by walking over them: a creation costs the same however many
// streams there are (N8).
import { OwnerTable } from '@robustmq/mqtt-topics';
import type { Stream } from '@robustmq/rpc';

/** Name of the built-in stream that owns what no other stream owns. */
export const MQTT_STREAM = 'mqtt';

/** What a tenant has. */
export interface TenantUsage {
  readonly streams: number;
  readonly shards: number;
  /** Shards that MQTT sessions may have to watch, by the counts at creation (rule O1). */
  readonly mqttShards: number;
}

const NOTHING: TenantUsage = { streams: 0, shards: 0, mqttShards: 0 };

/** See the file head. */
export class StreamIndex {
  readonly #idsByName = new Map<string, number>();
  readonly #usage = new Map<string, TenantUsage>();
  readonly #owners = new Map<string, OwnerTable<number>>();
  /** Streams whose ownership is not active yet (rule O2). */
  readonly unsettled = new Set<number>();

  idOf(tenant: string, name: string): number | undefined {
    return this.#idsByName.get(nameKey(tenant, name));
  }

  usageOf(tenant: string): TenantUsage {
    return this.#usage.get(tenant) ?? NOTHING;
  }

  /** The stream in the way of a filter: equal, or overlapping without containment. */
  conflict(tenant: string, filter: string): { readonly filter: string; readonly owner: number } | undefined {
    return this.#owners.get(tenant)?.conflict(filter);
  }

  /** A row was made, replaced or deleted. */
  changed(before: Stream | undefined, after: Stream | undefined): void {
    const stream = after ?? before;
    if (stream === undefined) return;
    const { streamId, tenant } = stream;
    this.#count(tenant, before, after);
    if (after?.ownershipActive === false) this.unsettled.add(streamId);
    else this.unsettled.delete(streamId);
    // Name and filter are fixed at creation.
    if (before !== undefined && after !== undefined) return;
    if (after === undefined) this.#remove(stream);
    else this.#add(stream);
  }

  #add({ tenant, name, streamId, mqttFilter }: Stream): void {
    this.#idsByName.set(nameKey(tenant, name), streamId);
    if (mqttFilter === '') return;
    let owners = this.#owners.get(tenant);
    if (owners === undefined) this.#owners.set(tenant, (owners = new OwnerTable<number>()));
    owners.set(mqttFilter, streamId);
  }

  #remove({ tenant, name, mqttFilter }: Stream): void {
    this.#idsByName.delete(nameKey(tenant, name));
    this.#owners.get(tenant)?.delete(mqttFilter);
    if (!this.#usage.has(tenant)) this.#owners.delete(tenant);
  }

  #count(tenant: string, before: Stream | undefined, after: Stream | undefined): void {
    if (before !== undefined && before.shards.length === after?.shards.length) return;
    const usage = this.usageOf(tenant);
    const streams = usage.streams + countOf(after) - countOf(before);
    if (streams === 0) {
      this.#usage.delete(tenant);
      return;
    }
    this.#usage.set(tenant, {
      streams,
      shards: usage.shards + (after?.shards.length ?? 0) - (before?.shards.length ?? 0),
      mqttShards: usage.mqttShards + mqttShardsOf(after) - mqttShardsOf(before),
    });
  }
}

function countOf(stream: Stream | undefined): number {
  return stream === undefined ? 0 : 1;
}

function mqttShardsOf(stream: Stream | undefined): number {
  if (stream === undefined || (stream.mqttFilter === '' && stream.name !== MQTT_STREAM)) return 0;
  return stream.shardsAtCreation;
}

function nameKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}
