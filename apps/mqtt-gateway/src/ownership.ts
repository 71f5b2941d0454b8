// Which stream owns which MQTT topic, per tenant, as the cluster view says (rules O1, O2). A change switches routing at
// once and is then acknowledged to meta, which makes the new owner active when all gateways have done so.

import { FilterShape, intersects, OwnerTable } from '@robustmq/mqtt-topics';
import type { StreamView } from '@robustmq/meta-client';
import { DEFAULT_MAX_MESSAGE_BYTES } from '@robustmq/record-batch';
import { TopicRoutes, type RoutedStream, type VisibleStream } from './delivery/topic-route.ts';

/** The built-in stream that owns every topic without a more specific owner. */
export const DEFAULT_STREAM = 'mqtt';

interface TenantTopics {
  readonly owners: OwnerTable<RoutedStream>;
  readonly routes: TopicRoutes;
  fallback: RoutedStream | undefined;
}

/** The stream as routing sees it; undefined when it owns no MQTT topic. */
function routedStream(stream: StreamView): RoutedStream | undefined {
  const isDefault = stream.name === DEFAULT_STREAM;
  if (!isDefault && stream.mqttFilter === '') return undefined;
  return {
    streamId: stream.streamId,
    name: stream.name,
    tenant: stream.tenant,
    mqttFilter: stream.mqttFilter,
    shardsAtCreation: Math.max(1, stream.shardsAtCreation),
    isDefault,
    acknowledgeInMemory: stream.config['mqtt.durability'] === 'memory',
    maxBatchBytes: Number(stream.config['max.message.bytes'] ?? DEFAULT_MAX_MESSAGE_BYTES),
  };
}

/** Shards that a stream has, or will have once each has a leader. */
export function shardCountOf({ shards, shardsAtCreation }: StreamView): number {
  return Math.max(1, shards.length, shardsAtCreation);
}

/** A stream that owns topics. */
interface OwnedStream extends VisibleStream {
  readonly tenant: string;
  readonly shape: FilterShape;
  readonly epoch: number;
  readonly shardCount: number;
}

/** Routing tables of all tenants. */
export class Ownership {
  readonly #cachedTopics: number;
  readonly #tenants = new Map<string, TenantTopics>();
  readonly #streams = new Map<number, OwnedStream>();
  #changes = 0;

  /** @param cachedTopics topics whose route is remembered, per tenant. */
  constructor(cachedTopics: number) {
    this.#cachedTopics = cachedTopics;
  }

  /** Undefined for a stream that MQTT does not see. */
  streamOf(streamId: number): VisibleStream | undefined {
    return this.#streams.get(streamId);
  }

  /** The epoch at which a stream began to own its topics; 0 for one that is not known. */
  epochOf(streamId: number): number {
    return this.#streams.get(streamId)?.epoch ?? 0;
  }

  /** Grows whenever {@link shardsOf} may answer something else. */
  get changes(): number {
    return this.#changes;
  }

  /** Every shard that can hold a record whose topic the filter matches (rule X3). */
  *shardsOf(tenant: string, filter: string): Generator<{ streamId: number; shard: number }> {
    const wanted = new FilterShape(filter);
    for (const [streamId, { stream, tenant: owner, shape, shardCount }] of this.#streams) {
      if (owner !== tenant) continue;
      if (!stream.isDefault && !intersects(shape, wanted)) continue;
      for (let shard = 0; shard < shardCount; shard++) yield { streamId, shard };
    }
  }

  routesOf(tenant: string): TopicRoutes {
    return this.#tenant(tenant).routes;
  }

  /** Whether the tenant's built-in stream is there. */
  hasDefault(tenant: string): boolean {
    return this.#tenants.get(tenant)?.fallback !== undefined;
  }

  /** Takes a new or changed stream; true when topics changed owner. */
  put(stream: StreamView): boolean {
    const routed = routedStream(stream);
    if (routed === undefined) return false;
    const tenant = this.#tenant(stream.tenant);
    const known = this.#streams.get(stream.streamId);
    const shardCount = shardCountOf(stream);
    if (known !== undefined && known.shardCount === shardCount && isSame(known.stream, routed)) return false;
    this.#streams.set(stream.streamId, {
      stream: routed,
      routes: tenant.routes,
      tenant: stream.tenant,
      shape: new FilterShape(routed.mqttFilter),
      epoch: stream.ownershipEpoch,
      shardCount,
    });
    if (routed.isDefault) tenant.fallback = routed;
    else tenant.owners.set(routed.mqttFilter, routed);
    this.#changed(tenant);
    return true;
  }

  /** A stream is gone: its topics fall to the next owner. */
  delete(streamId: number): boolean {
    const known = this.#streams.get(streamId);
    if (known === undefined) return false;
    this.#streams.delete(streamId);
    const tenant = this.#tenant(known.tenant);
    if (tenant.fallback?.streamId === streamId) tenant.fallback = undefined;
    else if (tenant.owners.ownerOf(known.stream.mqttFilter)?.streamId === streamId) {
      tenant.owners.delete(known.stream.mqttFilter);
    }
    this.#changed(tenant);
    return true;
  }

  #changed(tenant: TenantTopics): void {
    this.#changes++;
    tenant.routes.changeOwners((topic) => tenant.owners.ownerOf(topic) ?? tenant.fallback);
  }

  #tenant(name: string): TenantTopics {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) {
      const created: TenantTopics = {
        owners: new OwnerTable<RoutedStream>(),
        routes: new TopicRoutes(
          this.#cachedTopics,
          (topic) => created.owners.ownerOf(topic) ?? created.fallback,
        ),
        fallback: undefined,
      };
      tenant = created;
      this.#tenants.set(name, tenant);
    }
    return tenant;
  }
}

function isSame(a: RoutedStream, b: RoutedStream): boolean {
  return (
    a.mqttFilter === b.mqttFilter &&
    a.shardsAtCreation === b.shardsAtCreation &&
    a.acknowledgeInMemory === b.acknowledgeInMemory &&
    a.maxBatchBytes === b.maxBatchBytes &&
    a.isDefault === b.isDefault
  );
}
