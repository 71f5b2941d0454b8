// Watchers of the cluster group: a snapshot, then every change, nothing left out (design section 3). A watcher is a place in the
// history that all share; it gets the next message when it has taken the ones before, so one that does not read costs nobody
// anything, and one that falls behind the history is cut off: it resumes with a snapshot (I8).
import { randomUUID } from 'node:crypto';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { BrokerError } from '@robustmq/errors';
import type { WatchClusterRequest, WatchClusterResponse } from '@robustmq/rpc';
import { TurnBudget, type Cancel, type Clock, type Timers } from '@robustmq/runtime';
import type { ClusterState } from './cluster/cluster-state.ts';
import { WatchHistory } from './watch-history.ts';
import { WatchMessages, type WatchMessage } from './watch-messages.ts';

type WatchStream = ServerWritableStream<WatchClusterRequest, WatchClusterResponse>;

/** Messages of a watcher on their way; the next one waits until a former was taken. */
const MAX_UNSENT_MESSAGES = 4;
/** Bytes of changes of a watcher on their way: one more message is sent while there are fewer. */
const MAX_UNSENT_BYTES = 512 * 1024;
/** Bytes that are sent in one turn: the loop writes them to all sockets at its end, beside the time of the slice (N8). */
const TURN_BYTES = 1024 * 1024;
/** Who begins within so many revisions of a snapshot begins with that one and goes on with the changes since. */
const SHARED_REVISIONS = 256n;
/** A watcher that takes nothing for so long though something waits for it is cut off: it may hold a whole snapshot. */
const STUCK_MS = 30_000;
const CHECK_MS = 5_000;

/** What the hub works with. */
export interface WatchHubParts {
  /** The applied state; its revision is that of what was published last. */
  readonly state: ClusterState;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
}

/** Where a watcher is. */
interface Watcher {
  readonly stream: WatchStream;
  /** Revision that it is being told, or the snapshot up to it; undefined before a snapshot was begun. */
  revision: bigint | undefined;
  messages: WatchMessages | undefined;
  /** The next of them. */
  at: number;
  unsent: number;
  unsentBytes: number;
  /** When it last took something, or got something after it had taken all. */
  tookAtMs: number;
}

/** Everything that was there at a revision. */
interface Snapshot {
  readonly revision: bigint;
  readonly messages: WatchMessages;
}

/** Fans changes out. */
export class WatchHub {
  readonly #parts: WatchHubParts;
  readonly #history = new WatchHistory();
  /** Names this run: who comes from another one may have seen other changes under the same revisions. */
  readonly historyId = randomUUID();
  readonly #watchers = new Set<Watcher>();
  /** The snapshot of this revision, for all who begin with it or soon after it: a cluster that starts registers one by one. */
  #snapshot: Snapshot | undefined;
  #isPumping = false;
  /** Somebody may take more than the running pump has seen. */
  #isWoken = false;
  #cancelCheck: Cancel | undefined;

  constructor(parts: WatchHubParts) {
    this.#parts = parts;
  }

  /** Watchers now. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** A revision became visible: whole changes, in bytes. */
  publish(revision: bigint, changes: readonly Buffer[]): void {
    const { clusterId } = this.#parts.state.meta;
    const messages = new WatchMessages(changes, (isLast) => ({
      revision,
      clusterId,
      moreFollows: !isLast,
      ...(isLast && { history: this.historyId }),
    }));
    let bytes = 0;
    for (const change of changes) bytes += change.length;
    this.#history.add(revision, messages, bytes);
    this.#wake();
  }

  /** Serves a watcher from its revision on. */
  add(stream: WatchStream): void {
    const { fromRevision: from, history } = stream.request;
    const { revision } = this.#parts.state.meta;
    const isContinuous =
      history === this.historyId &&
      from > 0n &&
      from <= revision &&
      (from === revision || this.#history.get(from + 1n) !== undefined);
    const watcher: Watcher = {
      stream,
      revision: isContinuous ? from : undefined,
      messages: undefined,
      at: 0,
      unsent: 0,
      unsentBytes: 0,
      tookAtMs: this.#parts.clock.monotonicMs(),
    };
    this.#watchers.add(watcher);
    const leave = (): void => this.#forget(watcher);
    stream.on('cancelled', leave);
    stream.on('error', leave);
    stream.on('close', leave);
    this.#cancelCheck ??= this.#parts.timers.every(CHECK_MS, () => this.#look());
    this.#wake();
  }

  /** Ends every watch. */
  close(): void {
    for (const { stream } of this.#watchers) stream.end();
    this.#watchers.clear();
    this.#rest();
  }

  #forget(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#rest();
  }

  #rest(): void {
    this.#snapshot = undefined;
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
  }

  #wake(): void {
    this.#isWoken = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#parts.timers.soon(() => void this.#pump());
  }

  /** Sends in slices (N8), a message per watcher in turn, until nobody takes more. */
  async #pump(): Promise<void> {
    const budget = new TurnBudget(this.#parts.clock, this.#parts.timers);
    let sentBytes = 0;
    while (this.#isWoken) {
      this.#isWoken = false;
      for (const watcher of this.#watchers) {
        if (budget.isSpent || sentBytes >= TURN_BYTES) {
          await budget.yield();
          sentBytes = 0;
        }
        const sent = this.#sendOne(watcher);
        if (sent === undefined) continue;
        this.#isWoken = true;
        sentBytes += sent.bytes;
      }
    }
    this.#isPumping = false;
  }

  /** The next message of a watcher, if it takes one now. */
  #sendOne(watcher: Watcher): WatchMessage | undefined {
    const { stream } = watcher;
    if (stream.cancelled || stream.writableEnded || stream.destroyed) return undefined;
    if (watcher.unsent >= MAX_UNSENT_MESSAGES || watcher.unsentBytes >= MAX_UNSENT_BYTES) return undefined;
    const next = this.#nextOf(watcher);
    if (next === undefined) return undefined;
    // Before there was nothing that it could have taken.
    if (watcher.unsent === 0) watcher.tookAtMs = this.#parts.clock.monotonicMs();
    watcher.at++;
    watcher.unsent++;
    watcher.unsentBytes += next.bytes;
    stream.write(next.message, () => {
      watcher.unsent--;
      watcher.unsentBytes -= next.bytes;
      watcher.tookAtMs = this.#parts.clock.monotonicMs();
      this.#wake();
    });
    return next;
  }

  #nextOf(watcher: Watcher): WatchMessage | undefined {
    const { state } = this.#parts;
    if (watcher.revision === undefined) Object.assign(watcher, this.#beginning(), { at: 0 });
    const next = watcher.messages?.at(watcher.at);
    if (next !== undefined) return next;
    const reached = watcher.revision as bigint;
    watcher.messages = undefined;
    if (reached === state.meta.revision) return undefined;
    const messages = this.#history.get(reached + 1n);
    if (messages === undefined) {
      this.#cut(watcher);
      return undefined;
    }
    Object.assign(watcher, { revision: reached + 1n, messages, at: 0 });
    return messages.at(0);
  }

  #beginning(): Snapshot {
    const { revision } = this.#parts.state.meta;
    const known = this.#snapshot;
    if (known !== undefined && (known.revision === revision || this.#leadsOn(known.revision))) return known;
    return (this.#snapshot = { revision, messages: this.#snapshotNow() });
  }

  /** Everything that is there, as of now: rows are replaced and never changed, so their bytes may be joined later. */
  #snapshotNow(): WatchMessages {
    const { state } = this.#parts;
    const { revision, clusterId, nextStreamId } = state.meta;
    const history = this.historyId;
    return new WatchMessages(state.snapshot(), (snapshotComplete) => ({
      revision,
      clusterId,
      snapshot: true,
      snapshotComplete,
      ...(snapshotComplete && { nextStreamId, history }),
    }));
  }

  /** Whether the history has all changes since a snapshot, and these are few. */
  #leadsOn(from: bigint): boolean {
    const since = this.#parts.state.meta.revision - from;
    return since > 0n && since <= SHARED_REVISIONS && this.#history.get(from + 1n) !== undefined;
  }

  #look(): void {
    this.#cutStuck();
    // It is as large as the cluster; who is within it has it still.
    this.#snapshot = undefined;
  }

  #cutStuck(): void {
    const sinceMs = this.#parts.clock.monotonicMs() - STUCK_MS;
    for (const watcher of this.#watchers)
      if (watcher.unsent > 0 && watcher.tookAtMs < sinceMs) this.#cut(watcher);
  }

  #cut(watcher: Watcher): void {
    this.#forget(watcher);
    watcher.stream.destroy(new BrokerError('quota_exceeded', 'the watcher reads too slowly'));
  }
}
