// The cluster group in memory, and the rows it is made of. Small by nature: nodes, streams, users, settings.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { KeyValueBatch, KeyValueEntry } from '@robustmq/kv-store';
import { GATEWAY_PRODUCER_ID_START } from '@robustmq/record-batch';
import {
  ClusterMetaSchema,
  DeletedStreamSchema,
  DynamicConfigSchema,
  NodeSchema,
  StreamSchema,
  UserSchema,
  type ClusterMeta,
  type DeletedStream,
  SlotPlacementSchema,
  type Node,
  type SlotPlacement,
  type Stream,
  type User,
} from '@robustmq/rpc';

/** The tenant of clients that name none. */
export const DEFAULT_TENANT = 'default';

/** A row of the cluster group: its key's first letter names its kind. */
const KEY = {
  meta: Buffer.from('m'),
  node: (nodeId: string) => Buffer.from(`n/${nodeId}`),
  stream: (streamId: number) => Buffer.from(`t/${String(streamId).padStart(10, '0')}`),
  user: (tenant: string, name: string) => Buffer.from(`u/${tenant}\u0000${name}`),
  config: (key: string) => Buffer.from(`c/${key}`),
  slots: Buffer.from('p'),
  deletion: (streamId: number) => Buffer.from(`d/${String(streamId).padStart(10, '0')}`),
};

/** What one command changed: rows to store and to tell watchers of. */
export interface ClusterRows {
  readonly nodes: Set<string>;
  readonly deletedNodes: Set<string>;
  readonly streams: Set<number>;
  readonly deletedStreams: Set<number>;
  readonly users: Set<string>;
  readonly deletedUsers: Map<string, { tenant: string; name: string }>;
  readonly configs: Set<string>;
  /** Ids whose {@link DeletedStream} was made, changed or forgotten. */
  readonly deletions: Set<number>;
  ownershipEpoch: boolean;
  slots: boolean;
  featureLevel: boolean;
  meta: boolean;
}

/** Nothing changed yet. */
export function noRows(): ClusterRows {
  return {
    nodes: new Set(),
    deletedNodes: new Set(),
    streams: new Set(),
    deletedStreams: new Set(),
    users: new Set(),
    deletedUsers: new Map(),
    configs: new Set(),
    deletions: new Set(),
    ownershipEpoch: false,
    slots: false,
    featureLevel: false,
    meta: false,
  };
}

/** The applied state. Only apply changes it. */
export class ClusterState {
  readonly nodes = new Map<string, Node>();
  readonly streams = new Map<number, Stream>();
  readonly streamIdsByName = new Map<string, number>();
  readonly users = new Map<string, User>();
  readonly config = new Map<string, string>();
  /** Deleted streams by id; see deletions.ts. Watchers are not told. */
  readonly deletions = new Map<number, DeletedStream>();
  /** Without any until the cluster was made. */
  slots: SlotPlacement = create(SlotPlacementSchema);
  meta: ClusterMeta = create(ClusterMetaSchema, {
    nextStreamId: 1,
    nextIncarnation: 1n,
    nextProducerId: 1n,
    nextGatewayProducerId: BigInt(GATEWAY_PRODUCER_ID_START),
  });

  /** State from stored rows. */
  static load(rows: readonly KeyValueEntry[]): ClusterState {
    const state = new ClusterState();
    for (const { key, value } of rows) state.#loadRow(key, value);
    return state;
  }

  #loadRow(key: Buffer, value: Buffer): void {
    switch (String.fromCharCode(key[0] ?? 0)) {
      case 'm':
        this.meta = fromBinary(ClusterMetaSchema, value);
        break;
      case 'p':
        this.slots = fromBinary(SlotPlacementSchema, value);
        break;
      case 'n': {
        const node = fromBinary(NodeSchema, value);
        this.nodes.set(node.identity?.nodeId ?? '', node);
        break;
      }
      case 't':
        this.putStream(fromBinary(StreamSchema, value));
        break;
      case 'u': {
        const user = fromBinary(UserSchema, value);
        this.users.set(userKey(user.tenant, user.name), user);
        break;
      }
      case 'c': {
        const entry = fromBinary(DynamicConfigSchema, value);
        this.config.set(entry.key, entry.value);
        break;
      }
      case 'd': {
        const deleted = fromBinary(DeletedStreamSchema, value);
        this.deletions.set(deleted.streamId, deleted);
        break;
      }
    }
  }

  putStream(stream: Stream): void {
    this.streams.set(stream.streamId, stream);
    this.streamIdsByName.set(streamKey(stream.tenant, stream.name), stream.streamId);
  }

  deleteStream(stream: Stream): void {
    this.streams.delete(stream.streamId);
    this.streamIdsByName.delete(streamKey(stream.tenant, stream.name));
  }

  streamByName(tenant: string, name: string): Stream | undefined {
    const id = this.streamIdsByName.get(streamKey(tenant, name));
    return id === undefined ? undefined : this.streams.get(id);
  }

  /** Adds the changed rows to a batch. */
  store(rows: ClusterRows, batch: KeyValueBatch, family: string): void {
    const encode = (bytes: Uint8Array): Buffer =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const nodeId of rows.nodes) {
      const node = this.nodes.get(nodeId);
      if (node !== undefined) batch.put(family, KEY.node(nodeId), encode(toBinary(NodeSchema, node)));
    }
    for (const nodeId of rows.deletedNodes) batch.delete(family, KEY.node(nodeId));
    for (const streamId of rows.streams) {
      const stream = this.streams.get(streamId);
      if (stream !== undefined)
        batch.put(family, KEY.stream(streamId), encode(toBinary(StreamSchema, stream)));
    }
    for (const streamId of rows.deletedStreams) batch.delete(family, KEY.stream(streamId));
    for (const key of rows.users) {
      const user = this.users.get(key);
      if (user !== undefined)
        batch.put(family, KEY.user(user.tenant, user.name), encode(toBinary(UserSchema, user)));
    }
    for (const { tenant, name } of rows.deletedUsers.values()) batch.delete(family, KEY.user(tenant, name));
    for (const key of rows.configs) {
      const value = this.config.get(key);
      if (value === undefined) batch.delete(family, KEY.config(key));
      else
        batch.put(
          family,
          KEY.config(key),
          encode(toBinary(DynamicConfigSchema, create(DynamicConfigSchema, { key, value }))),
        );
    }
    for (const streamId of rows.deletions) {
      const deleted = this.deletions.get(streamId);
      if (deleted === undefined) batch.delete(family, KEY.deletion(streamId));
      else batch.put(family, KEY.deletion(streamId), encode(toBinary(DeletedStreamSchema, deleted)));
    }
    if (rows.slots) batch.put(family, KEY.slots, encode(toBinary(SlotPlacementSchema, this.slots)));
    batch.put(family, KEY.meta, encode(toBinary(ClusterMetaSchema, this.meta)));
  }
}

/** Name of a user within the state's maps. */
export function userKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}

function streamKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}
