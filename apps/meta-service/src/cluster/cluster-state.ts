// The cluster group in memory: a table per kind of row. Rows are replaced, never changed, so whoever got one may keep it; what a
// command does is staged in a draft and becomes visible at once (draft.ts).
import { create, fromBinary, type Message } from '@bufbuild/protobuf';
import type { KeyValueEntry } from '@robustmq/kv-store';
import { gatewayProducerIds } from '@robustmq/record-batch';
import {
  ClusterMetaSchema,
  SlotPlacementSchema,
  type ClusterMeta,
  type DeletedStream,
  type DynamicConfig,
  type Node,
  type SlotPlacement,
  type Stream,
  type User,
} from '@robustmq/rpc';
import {
  encodeRow,
  metaChanges,
  ROW_KINDS,
  withChange,
  type EncodedRow,
  type KeyOf,
  type RowKind,
  type RowName,
  type RowOf,
} from './row-kinds.ts';
import { StreamIndex } from './stream-index.ts';

/** The tenant of clients that name none. */
export const DEFAULT_TENANT = 'default';

/** Rows of one kind, and their bytes. */
export class ClusterTable<Key extends string | number, Row extends Message> {
  readonly kind: RowKind<Key, Row>;
  readonly rows: ReadonlyMap<Key, Row>;
  readonly #rows = new Map<Key, Row>();
  readonly #encoded = new Map<Key, EncodedRow>();
  /** What watchers are told of each row, apart, so that a snapshot of 100,000 is one copy of a list (N8). */
  readonly #changes = new Map<Key, Buffer>();

  constructor(kind: RowKind<Key, Row>) {
    this.kind = kind;
    this.rows = this.#rows;
  }

  /** A row as it was stored. */
  load(stored: Buffer): void {
    const row = fromBinary(this.kind.schema, stored);
    this.set(this.kind.keyOf(row), row, withChange(this.kind.change, stored));
  }

  set(key: Key, row: Row, encoded: EncodedRow): void {
    this.#rows.set(key, row);
    this.#encoded.set(key, encoded);
    if (encoded.change !== undefined) this.#changes.set(key, encoded.change);
  }

  delete(key: Key): void {
    this.#rows.delete(key);
    this.#encoded.delete(key);
    this.#changes.delete(key);
  }

  encodedOf(key: Key): EncodedRow | undefined {
    return this.#encoded.get(key);
  }

  /** The changes that tell of all rows. */
  changes(): Buffer[] {
    return [...this.#changes.values()];
  }
}

/** A table per kind. */
type ClusterTables = { readonly [Name in RowName]: ClusterTable<KeyOf<Name>, RowOf<Name>> };

const NO_SLOTS: SlotPlacement = create(SlotPlacementSchema);

/** The applied state. Only the commit of a draft changes it. */
export class ClusterState {
  readonly tables: ClusterTables;
  readonly index = new StreamIndex();

  constructor() {
    const kinds: [string, unknown][] = Object.entries(ROW_KINDS);
    const tables: Record<string, unknown> = {};
    for (const [name, kind] of kinds) tables[name] = new ClusterTable(kind as never);
    this.tables = tables as ClusterTables;
    this.install('meta', '', newMeta());
  }

  /** State from stored rows. */
  static load(rows: readonly KeyValueEntry[]): ClusterState {
    const state = new ClusterState();
    const byLetter = new Map(Object.values(state.tables).map((table) => [table.kind.letter, table]));
    for (const { key, value } of rows) byLetter.get(String.fromCharCode(key[0] ?? 0))?.load(value);
    for (const stream of state.streams.values()) state.index.changed(undefined, stream);
    return state;
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.tables.nodes.rows;
  }

  get streams(): ReadonlyMap<number, Stream> {
    return this.tables.streams.rows;
  }

  get users(): ReadonlyMap<string, User> {
    return this.tables.users.rows;
  }

  get config(): ReadonlyMap<string, DynamicConfig> {
    return this.tables.config.rows;
  }

  /** Deleted streams by id; see deletions.ts. */
  get deletions(): ReadonlyMap<number, DeletedStream> {
    return this.tables.deletions.rows;
  }

  /** Without any until the cluster was made. */
  get slots(): SlotPlacement {
    return this.tables.slots.rows.get('') ?? NO_SLOTS;
  }

  get meta(): ClusterMeta {
    return this.tables.meta.rows.get('') ?? newMeta();
  }

  streamByName(tenant: string, name: string): Stream | undefined {
    const id = this.index.idOf(tenant, name);
    return id === undefined ? undefined : this.streams.get(id);
  }

  /** Replaces a row in place of a command. */
  install<Name extends RowName>(name: Name, key: KeyOf<Name>, row: RowOf<Name>): void {
    const table = this.tables[name] as ClusterTable<KeyOf<Name>, RowOf<Name>>;
    const before = table.rows.get(key);
    table.set(key, row, encodeRow(table.kind, row));
    if (name === 'streams') this.index.changed(before as Stream | undefined, row as unknown as Stream);
  }

  /** Changes that tell a watcher who knows nothing of everything. */
  snapshot(): Buffer[] {
    const told = Object.values(this.tables).map((table) => table.changes());
    return [...told, metaChanges(undefined, this.meta)].flat();
  }
}

function newMeta(): ClusterMeta {
  return create(ClusterMetaSchema, {
    nextStreamId: 1,
    nextIncarnation: 1n,
    nextProducerId: 1n,
    nextGatewayProducerId: BigInt(gatewayProducerIds.start),
  });
}
