// What watchers are told, in messages that are bounded in bytes: a row may be as large as a stream with a thousand shards, and
// gRPC refuses a message that is too large, so that nobody who needs it would ever get it (I8). Rows come in bytes and are joined
// when the first watcher gets to them; all watchers share the result.
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { encodedWatchResponse, WatchClusterResponseSchema, type WatchClusterResponse } from '@robustmq/rpc';

/** Bytes of rows in one message. One row that is larger travels alone: the bounds on what a command may say keep it small. */
export const PART_BYTES = 256 * 1024;

/** What a message says beside its changes. */
export type WatchHeader = MessageInitShape<typeof WatchClusterResponseSchema>;

/** A message and the bytes of its changes. */
export interface WatchMessage {
  readonly message: WatchClusterResponse;
  readonly bytes: number;
}

/** The changes of a snapshot or of a revision, as messages. */
export class WatchMessages {
  readonly #changes: readonly Buffer[];
  readonly #headerOf: (isLast: boolean) => WatchHeader;
  readonly #made: WatchMessage[] = [];
  /** Changes that are in a message already. */
  #taken = 0;

  /** @param headerOf what the last message says, and what those before it say */
  constructor(changes: readonly Buffer[], headerOf: (isLast: boolean) => WatchHeader) {
    this.#changes = changes;
    this.#headerOf = headerOf;
  }

  /** The message at a place; undefined behind the last. There is at least one. Ask for them in order. */
  at(index: number): WatchMessage | undefined {
    if (index < this.#made.length) return this.#made[index];
    if (index > 0 && this.#taken === this.#changes.length) return undefined;
    const message = this.#next();
    this.#made.push(message);
    return message;
  }

  #next(): WatchMessage {
    const from = this.#taken;
    let bytes = 0;
    for (; this.#taken < this.#changes.length; this.#taken++) {
      const { length } = this.#changes[this.#taken] as Buffer;
      if (bytes + length > PART_BYTES && this.#taken > from) break;
      bytes += length;
    }
    const header = this.#headerOf(this.#taken === this.#changes.length);
    return { message: messageOf(header, this.#changes.slice(from, this.#taken)), bytes };
  }
}

/** The fields of a message may come in any order: the repeated one, in bytes already, is put behind the others. */
function messageOf(header: WatchHeader, changes: readonly Buffer[]): WatchClusterResponse {
  const { number } = WatchClusterResponseSchema.field.changes;
  const writer = new BinaryWriter();
  writer.raw(toBinary(WatchClusterResponseSchema, create(WatchClusterResponseSchema, header)));
  for (const change of changes) writer.tag(number, WireType.LengthDelimited).bytes(change);
  return encodedWatchResponse(writer.finish());
}
