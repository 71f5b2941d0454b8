// Watchers of the cluster group: a snapshot, then every change, nothing left out (design section 3).
import { create } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  ClusterChangeSchema,
  WatchClusterResponseSchema,
  type ClusterChange,
  type WatchClusterRequest,
  type WatchClusterResponse,
} from '@robustmq/rpc';
import type { ClusterState } from './cluster/cluster-state.ts';

type WatchStream = ServerWritableStream<WatchClusterRequest, WatchClusterResponse>;

/** Revisions kept for watchers that resume; an older one starts with a snapshot. */
const HISTORY_REVISIONS = 4_096;
/** Rows per message of a snapshot. */
const SNAPSHOT_ROWS = 200;
/** A watcher with more unsent bytes than this is cut off; it resumes where it was, or with a snapshot. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

/** Fans changes out. */
export class WatchHub {
  readonly #state: () => ClusterState;
  readonly #streams = new Set<WatchStream>();
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
    this.#history.push({ revision, changes });
    if (this.#history.length > 2 * HISTORY_REVISIONS) this.#history = this.#history.slice(-HISTORY_REVISIONS);
    const message = create(WatchClusterResponseSchema, { revision, changes });
    for (const stream of this.#streams) this.#send(stream, message);
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
    for (let at = 0; at < rows.length; at += SNAPSHOT_ROWS) {
      const changes = rows
        .slice(at, at + SNAPSHOT_ROWS)
        .map((change) => create(ClusterChangeSchema, { change }));
      const snapshotComplete = at + SNAPSHOT_ROWS >= rows.length;
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
    if (stream.writableLength > MAX_UNSENT_BYTES) {
      this.#streams.delete(stream);
      stream.end();
    }
  }
}
