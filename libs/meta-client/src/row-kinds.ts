// The kinds of rows that the watch tells of: a table for each, and an edit per case of a change. A new kind is a table and
// its cases here, its plain value in model.ts, and its message in proto/.
import type { ClusterChange } from '@robustmq/rpc';
import { NodeView, StreamView, toNumber, UserView, type ViewChange } from './model.ts';
import { deleteMissing, rowEdit, RowTable, type RowEdit } from './row-table.ts';
import { nameKey, StreamIndex } from './stream-index.ts';

/** All that the view holds. */
export class ViewTables {
  readonly streamIndex = new StreamIndex();
  readonly nodes = new RowTable<string, NodeView>({
    put: (_nodeId, node, previous) => {
      this.newestIncarnation = Math.max(this.newestIncarnation, node.incarnation);
      return { kind: 'node', node, previous };
    },
    gone: (_nodeId, node) => ({ kind: 'nodeDeleted', node }),
  });
  readonly streams = new RowTable<number, StreamView>({
    put: (streamId, stream, previous) => {
      this.nextStreamId = Math.max(this.nextStreamId, streamId + 1);
      this.streamIndex.put(stream);
      return { kind: 'stream', stream, previous };
    },
    gone: (_streamId, stream) => {
      this.streamIndex.delete(stream);
      return { kind: 'streamDeleted', stream };
    },
  });
  readonly users = new RowTable<string, UserView>({
    put: (_key, user) => ({ kind: 'user', user }),
    gone: (_key, user) => ({ kind: 'userDeleted', user }),
  });
  readonly config = new RowTable<string, string>({
    put: (key, value) => ({ kind: 'config', key, value }),
    gone: (key) => ({ kind: 'config', key, value: undefined }),
  });
  /** The highest incarnation of any node that was ever seen. */
  newestIncarnation = 0;
  /** Every stream id below was given. */
  nextStreamId = 0;
  /** The newest epoch at which MQTT topics changed owner (rule O2). */
  ownershipEpoch = 0;
  /** What the whole cluster may use (N17). */
  featureLevel = 0;

  /** The edit that a change asks for; undefined for a case that this version does not know. */
  editOf({ change }: ClusterChange): RowEdit | undefined {
    if (change.case === undefined) return undefined;
    const edit = EDITS[change.case] as (tables: ViewTables, value: unknown) => RowEdit;
    return edit(this, change.value);
  }

  /** The streams that edits put. */
  streamsIn(edits: readonly RowEdit[]): StreamView[] {
    const puts = edits.filter(({ table, isDeletion }) => table === this.streams && !isDeletion);
    return puts.map(({ value }) => value as StreamView);
  }

  /** Deletes the rows that a snapshot, given as its edits, does not have. */
  deleteMissing(snapshot: readonly RowEdit[]): ViewChange[] {
    const kept = new Map<object | undefined, Set<unknown>>();
    for (const edit of snapshot) {
      if (edit.isDeletion) continue;
      const keys = kept.get(edit.table);
      if (keys === undefined) kept.set(edit.table, new Set([edit.key]));
      else keys.add(edit.key);
    }
    return [
      ...deleteMissing(this.nodes, kept.get(this.nodes)),
      ...deleteMissing(this.streams, kept.get(this.streams)),
      ...deleteMissing(this.users, kept.get(this.users)),
      ...deleteMissing(this.config, kept.get(this.config)),
    ];
  }
}

type Change = ClusterChange['change'];
type Case = NonNullable<Change['case']>;

/** The edit of what exists once. */
function single(value: unknown, apply: () => ViewChange): RowEdit {
  return { table: undefined, key: undefined, value, isDeletion: false, apply };
}

/** Total: a case of the contract that has no row here does not compile. */
const EDITS: {
  readonly [C in Case]: (tables: ViewTables, value: Extract<Change, { case: C }>['value']) => RowEdit;
} = {
  node: ({ nodes }, row) => {
    const node = NodeView.of(row);
    return rowEdit(nodes, node.nodeId, node);
  },
  deletedNodeId: ({ nodes }, nodeId) => rowEdit(nodes, nodeId, undefined),
  stream: ({ streams }, row) => rowEdit(streams, row.streamId, StreamView.of(row)),
  deletedStreamId: ({ streams }, streamId) => rowEdit(streams, streamId, undefined),
  user: ({ users }, row) => rowEdit(users, nameKey(row.tenant, row.name), UserView.of(row)),
  deletedUser: ({ users }, { tenant, name }) => rowEdit(users, nameKey(tenant, name), undefined),
  config: ({ config }, { key, value }) => rowEdit(config, key, value === '' ? undefined : value),
  ownershipEpoch: (tables, epoch) =>
    single(epoch, () => {
      tables.ownershipEpoch = toNumber(epoch);
      return { kind: 'ownershipEpoch', ownershipEpoch: tables.ownershipEpoch };
    }),
  featureLevel: (tables, level) =>
    single(level, () => {
      tables.featureLevel = level;
      return { kind: 'featureLevel', featureLevel: level };
    }),
};
