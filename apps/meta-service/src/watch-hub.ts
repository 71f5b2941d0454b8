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
import { bytesOf, partsOf, type MeasuredChange } from './watch-parts.ts';

type WatchStream = ServerWritableStream<WatchClusterRequest, WatchClusterResponse>;

/** Revisions kept for watchers that resume; an older one starts with a snapshot. */
const HISTORY_REVISIONS = 4_096;
/** Bytes of rows kept for all watchers together. */
const HISTORY_BYTES = 16 * 1024 * 1024;
/** A watcher with more unread messages than this is cut off; it resumes where it was, or with a snapshot. */
const MAX_UNSENT_MESSAGES = 1_024;

/** What one revision changed, as the messages that tell of it. */
interface Revision {
  readonly revision: bigint;
  readonly messages: readonly WatchClusterResponse[];
  readonly bytes: number;
}

/** Fans changes out. */
export class WatchHub {
  readonly #state: () => ClusterState;
  readonly #streams = new Set<WatchStream>();
  #historyBytes = 0;
  #history: Revision[] = [];

  /** @param state the applied state; its revision is never behind what was published */
  constructor(state: () => ClusterState) {
    this.#state = state;
  }

  /** Watchers now. */
  get watchers(): number {
    return this.#streams.size;
  }

  /** A change became visible. */
  publish(revision: bigint, changes: readonly ClusterChange[]): void {
    const rows = changes.map((change) => ({ change, bytes: bytesOf(change) }));
    const parts = partsOf(rows);
    const messages = parts.map((part, i) =>
      create(WatchClusterResponseSchema, {
        revision,
        clusterId: this.#state().meta.clusterId,
        changes: part,
        moreFollows: i < parts.length - 1,
      }),
    );
    this.#remember({ revision, messages, bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0) });
    for (const stream of this.#streams) for (const message of messages) this.#send(stream, message);
  }

  #remember(revision: Revision): void {
    this.#history.push(revision);
    this.#historyBytes += revision.bytes;
    if (this.#history.length <= 2 * HISTORY_REVISIONS && this.#historyBytes <= 2 * HISTORY_BYTES) return;
    let kept = this.#history.length;
    let bytes = 0;
    while (kept > 0 && this.#history.length - kept < HISTORY_REVISIONS && bytes <= HISTORY_BYTES) {
      kept--;
      bytes += this.#history[kept]?.bytes ?? 0;
    }
    this.#history = this.#history.slice(kept);
    this.#historyBytes = bytes;
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
    const { revision } = this.#state().meta;
    const isContinuous =
      from > 0n && from <= revision && (from === revision || missed[0]?.revision === from + 1n);
    if (!isContinuous) {
      this.#sendSnapshot(stream);
      return;
    }
    for (const { messages } of missed) for (const message of messages) this.#send(stream, message);
  }

  /** Ends every watch. */
  close(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  #sendSnapshot(stream: WatchStream): void {
    const state = this.#state();
    const { revision, clusterId, ownershipEpoch, nextStreamId } = state.meta;
    const rows: MeasuredChange[] = [];
    const add = (change: ClusterChange['change']): void => {
      // The rows are encoded when the stream gets to them: later commands must not change them before.
      const row = clone(ClusterChangeSchema, create(ClusterChangeSchema, { change }));
      rows.push({ change: row, bytes: bytesOf(row) });
    };
    for (const value of state.nodes.values()) add({ case: 'node', value });
    for (const value of state.streams.values()) add({ case: 'stream', value });
    for (const value of state.users.values()) add({ case: 'user', value });
    for (const [key, value] of state.config)
      add({ case: 'config', value: { $typeName: 'robustmq.meta.v1.DynamicConfig', key, value } });
    add({ case: 'ownershipEpoch', value: ownershipEpoch });
    add({ case: 'featureLevel', value: state.meta.featureLevel });
    const parts = partsOf(rows);
    parts.forEach((changes, i) => {
      const snapshotComplete = i === parts.length - 1;
      const message = { revision, clusterId, snapshot: true, snapshotComplete, changes };
      this.#send(
        stream,
        create(WatchClusterResponseSchema, snapshotComplete ? { ...message, nextStreamId } : message),
      );
    });
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
