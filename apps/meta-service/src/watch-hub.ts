// Watchers of the cluster group: a snapshot, then every change, nothing left out (design section 3).
import { clone, create } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  ClusterChangeSchema,
  WatchClusterResponseSchema,
  type ClusterChange,
  type WatchClusterRequest,
  type WatchClusterResponse,
} from '@robustmq/rpc';
import { BrokerError } from '@robustmq/errors';
import type { ClusterState } from './cluster/cluster-state.ts';

type WatchStream = ServerWritableStream<WatchClusterRequest, WatchClusterResponse>;

/** Revisions kept for watchers that resume; an older one starts with a snapshot. */
const HISTORY_REVISIONS = 4_096;
/** Rows per message of a snapshot. */
const SNAPSHOT_ROWS = 200;
/** Shards that all rows of a snapshot message have together, so that it stays far below the largest message. */
const SNAPSHOT_SHARDS = 2_000;
/** Changes kept for all watchers together. */
const HISTORY_CHANGES = 20_000;
/** A watcher with more unread messages than this is cut off; it resumes where it was, or with a snapshot. */
const MAX_UNSENT_MESSAGES = 1_024;

/** Fans changes out. */
export class WatchHub {
  readonly #state: () => ClusterState;
  readonly #streams = new Set<WatchStream>();
  #historyChanges = 0;
  #history: { readonly revision: bigint; readonly changes: readonly ClusterChange[] }[] = [];

  /** @param state the applied state; its revision is never behind what was published */
  constructor(state: () => ClusterState) {
    this.#state = state;
  }

  /** Watchers now. */
  get watchers(): number {
    return this.#streams.size;
  }

  /** A change became visible. */
  publish(revision: bigint, changes: ClusterChange[]): void {
    this.#remember(revision, changes);
    const message = create(WatchClusterResponseSchema, { revision, changes });
    for (const stream of this.#streams) this.#send(stream, message);
  }

  #remember(revision: bigint, changes: readonly ClusterChange[]): void {
    this.#history.push({ revision, changes });
    this.#historyChanges += changes.length;
    if (this.#history.length <= 2 * HISTORY_REVISIONS && this.#historyChanges <= 2 * HISTORY_CHANGES) return;
    let kept = this.#history.length;
    let count = 0;
    while (kept > 0 && this.#history.length - kept < HISTORY_REVISIONS && count <= HISTORY_CHANGES) {
      kept--;
      count += this.#history[kept]?.changes.length ?? 0;
    }
    this.#history = this.#history.slice(kept);
    this.#historyChanges = count;
  }

  /** Serves a watcher from its revision on. */
  add(stream: WatchStream): void {
    this.#streams.add(stream);
    const leave = (): void => void this.#streams.delete(stream);
    stream.on('cancelled', leave);
    stream.on('error', leave);
    stream.on('close', leave);
    const from = stream.request.fromRevision;
    const missed = this.#history.filter(({ revision }) => revision > from);
    const { revision, clusterId } = this.#state().meta;
    const isContinuous =
      from > 0n && from <= revision && (from === revision || missed[0]?.revision === from + 1n);
    if (!isContinuous) {
      this.#sendSnapshot(stream);
      return;
    }
    for (const entry of missed)
      this.#send(
        stream,
        create(WatchClusterResponseSchema, { ...entry, clusterId, changes: [...entry.changes] }),
      );
  }

  /** Ends every watch. */
  close(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  #sendSnapshot(stream: WatchStream): void {
    const state = this.#state();
    const { revision, clusterId, ownershipEpoch } = state.meta;
    const rows: ClusterChange['change'][] = [];
    for (const value of state.nodes.values()) rows.push({ case: 'node', value });
    for (const value of state.streams.values()) rows.push({ case: 'stream', value });
    for (const value of state.users.values()) rows.push({ case: 'user', value });
    for (const [key, value] of state.config)
      rows.push({ case: 'config', value: { $typeName: 'robustmq.meta.v1.DynamicConfig', key, value } });
    rows.push({ case: 'ownershipEpoch', value: ownershipEpoch });
    for (let at = 0; at < rows.length;) {
      const end = endOfPart(rows, at);
      // The rows are encoded when the stream gets to them: later commands must not change them before.
      const changes = rows
        .slice(at, end)
        .map((change) => clone(ClusterChangeSchema, create(ClusterChangeSchema, { change })));
      const snapshotComplete = end === rows.length;
      at = end;
      this.#send(
        stream,
        create(WatchClusterResponseSchema, {
          revision,
          clusterId,
          snapshot: true,
          snapshotComplete,
          changes,
        }),
      );
    }
  }

  #send(stream: WatchStream, message: WatchClusterResponse): void {
    if (stream.cancelled || stream.writableEnded) return;
    stream.write(message);
    // The stream is in object mode: its length counts messages. Their rows are shared by all watchers.
    if (stream.writableLength > MAX_UNSENT_MESSAGES) {
      this.#streams.delete(stream);
      stream.destroy(new BrokerError('quota_exceeded', 'the watcher reads too slowly'));
    }
  }
}

/** Where the part of a snapshot that begins at `from` ends. */
function endOfPart(rows: readonly ClusterChange['change'][], from: number): number {
  let shards = 0;
  let end = from;
  while (end < rows.length && end - from < SNAPSHOT_ROWS && shards < SNAPSHOT_SHARDS) {
    const row = rows[end];
    if (row?.case === 'stream') shards += row.value.shards.length;
    end++;
  }
  return end;
}
