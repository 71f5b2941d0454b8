// The kinds of rows of the cluster group, one entry each: how a row is stored, and what watchers are told of it. Load, store,
// change and snapshot loop over this table; a new kind is an entry here and its message in proto/.
import { create, toBinary, type Message } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  ClusterChangeSchema,
  ClusterMetaSchema,
  DeletedStreamSchema,
  DynamicConfigSchema,
  NodeSchema,
  SlotPlacementSchema,
  StreamSchema,
  UserSchema,
  type ClusterChange,
  type ClusterMeta,
} from '@robustmq/rpc';

/** What watchers are told. */
export type Change = ClusterChange['change'];

/** A row is found by a text or a number; what exists once, by the empty text. */
type RowKey = string | number;

/** One kind of row. */
export interface RowKind<Key extends RowKey, Row extends Message> {
  /** First letter of its keys in the store. */
  readonly letter: string;
  readonly schema: GenMessage<Row>;
  keyOf(row: Row): Key;
  /** The case of a change that carries such a row; without it watchers are not told. */
  readonly change?: NonNullable<Change['case']>;
  /** What they are told when the row goes. */
  deletedChange?(row: Row): Change;
}

/** Declares a kind. */
function kind<Key extends RowKey, Row extends Message>(row: RowKind<Key, Row>): RowKind<Key, Row> {
  return row;
}

/** All kinds, in the order in which watchers hear of them. */
export const ROW_KINDS = {
  nodes: kind({
    letter: 'n',
    schema: NodeSchema,
    keyOf: ({ identity }) => identity?.nodeId ?? '',
    change: 'node',
    deletedChange: ({ identity }) => ({ case: 'deletedNodeId', value: identity?.nodeId ?? '' }),
  }),
  streams: kind({
    letter: 't',
    schema: StreamSchema,
    keyOf: ({ streamId }) => streamId,
    change: 'stream',
    deletedChange: ({ streamId }) => ({ case: 'deletedStreamId', value: streamId }),
  }),
  users: kind({
    letter: 'u',
    schema: UserSchema,
    keyOf: ({ tenant, name }) => userKey(tenant, name),
    change: 'user',
    deletedChange: ({ tenant, name }) => ({
      case: 'deletedUser',
      value: { $typeName: 'robustmq.meta.v1.UserRef', tenant, name },
    }),
  }),
  config: kind({
    letter: 'c',
    schema: DynamicConfigSchema,
    keyOf: ({ key }) => key,
    change: 'config',
    deletedChange: ({ key }) => ({
      case: 'config',
      value: { $typeName: 'robustmq.meta.v1.DynamicConfig', key, value: '' },
    }),
  }),
  deletions: kind({ letter: 'd', schema: DeletedStreamSchema, keyOf: ({ streamId }) => streamId }),
  slots: kind({ letter: 'p', schema: SlotPlacementSchema, keyOf: () => '' }),
  /** Written with every command that changes something: the revision is in it. */
  meta: kind({ letter: 'm', schema: ClusterMetaSchema, keyOf: () => '' }),
} as const;

type Kinds = typeof ROW_KINDS;
/** Name of a kind. */
export type RowName = keyof Kinds;
/** What finds a row of a kind. */
export type KeyOf<Name extends RowName> = Kinds[Name] extends RowKind<infer Key, infer _Row> ? Key : never;
/** A row of a kind. */
export type RowOf<Name extends RowName> = Kinds[Name] extends RowKind<infer _Key, infer Row> ? Row : never;

/** A row in the bytes that go to the store and, as a part of them, to watchers: encoded once for all of them. */
export interface EncodedRow {
  readonly value: Buffer;
  /** A whole {@link ClusterChange}; undefined for a kind that watchers are not told of. */
  readonly change: Buffer | undefined;
}

const FIELD_KEY_DIGITS = 10;

/** Key of a row in the store. */
export function storeKey(letter: string, key: RowKey): Buffer {
  if (key === '') return Buffer.from(letter);
  return Buffer.from(
    `${letter}/${typeof key === 'number' ? String(key).padStart(FIELD_KEY_DIGITS, '0') : key}`,
  );
}

/** The bytes of a row. */
export function encodeRow<Key extends RowKey, Row extends Message>(
  rowKind: RowKind<Key, Row>,
  row: Row,
): EncodedRow {
  return withChange(rowKind.change, toBinary(rowKind.schema, row));
}

/** A row as it was stored, with the change that carries it. */
export function withChange(change: RowKind<RowKey, Message>['change'], stored: Uint8Array): EncodedRow {
  if (change === undefined) return { value: asBuffer(stored), change: undefined };
  // A message that contains another has its bytes behind a tag and a length.
  const { number } = ClusterChangeSchema.field[change];
  const bytes = asBuffer(new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(stored).finish());
  return { value: bytes.subarray(bytes.length - stored.length), change: bytes };
}

/** The bytes of a change. */
export function encodeChange(change: Change): Buffer {
  return asBuffer(toBinary(ClusterChangeSchema, create(ClusterChangeSchema, { change })));
}

/** What watchers are told of the counters: of those that differ, or of all when there were none before. */
export function metaChanges(before: ClusterMeta | undefined, after: ClusterMeta): Buffer[] {
  const changes: Buffer[] = [];
  if (before?.ownershipEpoch !== after.ownershipEpoch)
    changes.push(encodeChange({ case: 'ownershipEpoch', value: after.ownershipEpoch }));
  if (before?.featureLevel !== after.featureLevel)
    changes.push(encodeChange({ case: 'featureLevel', value: after.featureLevel }));
  return changes;
}

/** Key of a user. */
export function userKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
