// What one command does to the cluster's rows, held back until all of it is known: a command that is refused half-way changes
// nothing, and one that takes several turns of the loop is seen as a whole or not at all (N8).
import { clone, type Message } from '@bufbuild/protobuf';
import { ClusterMetaSchema, type ClusterMeta, type DeletedStream, type DynamicConfig } from '@robustmq/rpc';
import type { Node, SlotPlacement, Stream, User } from '@robustmq/rpc';
import type { Steps } from '../steps.ts';
import type { ClusterState, ClusterTable } from './cluster-state.ts';
import { encodeChange, encodeRow, metaChanges, storeKey } from './row-kinds.ts';
import type { StreamIndex } from './stream-index.ts';

/** A row of the store that changes; without a value it goes. */
export interface RowEdit {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
  /** Makes the change visible. */
  readonly commit: () => void;
}

/** A draft in the bytes that are stored and told. */
export interface PreparedDraft {
  readonly edits: readonly RowEdit[];
  /** What watchers are told. */
  readonly changes: readonly Buffer[];
  /** Revision once the edits are committed. */
  readonly revision: bigint;
}

/** Rows of one kind as the command left them, over those that are committed. */
export class DraftTable<Key extends string | number, Row extends Message> {
  readonly #table: ClusterTable<Key, Row>;
  readonly #staged = new Map<Key, Row | undefined>();
  readonly #onCommit: (before: Row | undefined, after: Row | undefined) => void;

  constructor(
    table: ClusterTable<Key, Row>,
    onCommit: (before: Row | undefined, after: Row | undefined) => void = () => undefined,
  ) {
    this.#table = table;
    this.#onCommit = onCommit;
  }

  get(key: Key): Row | undefined {
    return this.#staged.has(key) ? this.#staged.get(key) : this.#table.rows.get(key);
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  /** All rows; those that are put meanwhile may be among them. */
  *values(): IterableIterator<Row> {
    for (const [key, committed] of this.#table.rows) {
      const row = this.#staged.has(key) ? this.#staged.get(key) : committed;
      if (row !== undefined) yield row;
    }
    for (const [key, row] of this.#staged) if (row !== undefined && !this.#table.rows.has(key)) yield row;
  }

  put(row: Row): void {
    this.#staged.set(this.#table.kind.keyOf(row), row);
  }

  delete(key: Key): void {
    this.#staged.set(key, undefined);
  }

  /** Rows that the command made. */
  *added(): IterableIterator<Row> {
    for (const [key, row] of this.#staged) if (row !== undefined && !this.#table.rows.has(key)) yield row;
  }

  /** Adds what differs from what is committed. */
  *prepare(edits: RowEdit[], changes: Buffer[]): Steps<void> {
    for (const [key, row] of this.#staged) {
      yield;
      if (row === undefined) this.#prepareDeletion(key, edits, changes);
      else this.#preparePut(key, row, edits, changes);
    }
  }

  #preparePut(key: Key, row: Row, edits: RowEdit[], changes: Buffer[]): void {
    const { kind, rows } = this.#table;
    const encoded = encodeRow(kind, row);
    if (this.#table.encodedOf(key)?.value.equals(encoded.value) === true) return;
    if (encoded.change !== undefined) changes.push(encoded.change);
    const commit = (): void => {
      const before = rows.get(key);
      this.#table.set(key, row, encoded);
      this.#onCommit(before, row);
    };
    edits.push({ key: storeKey(kind.letter, key), value: encoded.value, commit });
  }

  #prepareDeletion(key: Key, edits: RowEdit[], changes: Buffer[]): void {
    const { kind, rows } = this.#table;
    const before = rows.get(key);
    if (before === undefined) return;
    if (kind.deletedChange !== undefined) changes.push(encodeChange(kind.deletedChange(before)));
    const commit = (): void => {
      this.#table.delete(key);
      this.#onCommit(before, undefined);
    };
    edits.push({ key: storeKey(kind.letter, key), value: undefined, commit });
  }
}

/** See the file head. Reads show what the command has done so far. */
export class ClusterDraft {
  readonly nodes: DraftTable<string, Node>;
  readonly streams: DraftTable<number, Stream>;
  readonly users: DraftTable<string, User>;
  readonly config: DraftTable<string, DynamicConfig>;
  readonly deletions: DraftTable<number, DeletedStream>;
  readonly slots: DraftTable<string, SlotPlacement>;
  /** The command's own copy, to be changed in place. */
  readonly meta: ClusterMeta;
  readonly #meta: DraftTable<string, ClusterMeta>;
  readonly #state: ClusterState;

  constructor(state: ClusterState) {
    const { tables, index } = state;
    this.nodes = new DraftTable(tables.nodes);
    this.streams = new DraftTable(tables.streams, (before, after) => index.changed(before, after));
    this.users = new DraftTable(tables.users);
    this.config = new DraftTable(tables.config);
    this.deletions = new DraftTable(tables.deletions);
    this.slots = new DraftTable(tables.slots);
    this.#meta = new DraftTable(tables.meta);
    this.meta = clone(ClusterMetaSchema, state.meta);
    this.#state = state;
  }

  /** Counts and names as they were before the command. */
  get index(): Pick<StreamIndex, 'usageOf' | 'conflict' | 'unsettled'> {
    return this.#state.index;
  }

  /** A stream that was there before the command and still is. */
  streamByName(tenant: string, name: string): Stream | undefined {
    const id = this.#state.index.idOf(tenant, name);
    return id === undefined ? undefined : this.streams.get(id);
  }

  /** Streams that were there before the command. */
  get streamCount(): number {
    return this.#state.streams.size;
  }

  /** Deletions that waited for journal-servers before the command. */
  get deletionCount(): number {
    return this.#state.deletions.size;
  }

  /** Encodes what the command did. */
  *prepare(): Steps<PreparedDraft> {
    const edits: RowEdit[] = [];
    const changes: Buffer[] = [];
    const tables = [this.nodes, this.streams, this.users, this.config, this.deletions, this.slots];
    for (const table of tables) yield* table.prepare(edits, changes);
    changes.push(...metaChanges(this.#state.meta, this.meta));
    if (changes.length > 0) this.meta.revision++;
    this.#meta.put(this.meta);
    yield* this.#meta.prepare(edits, changes);
    return { edits, changes, revision: this.meta.revision };
  }
}
