// Output of one connection, collected over a turn of the event loop and written once. Nothing is held while a connection
// is idle: chunks are borrowed when the first byte comes and go back when the kernel has taken them.
//
// Two ways in. `reserve`/`advance` write into a chunk of the connection's own (acknowledgements, deliveries with a packet
// id). `share` refers to bytes that many connections send alike; ranges that touch become one, so that a burst of
// fan-out messages is one write per socket without a copy.

import { CHUNK_BYTES, type OutputFlusher } from './output-flusher.ts';

/** What carries the bytes: a TCP socket or a WebSocket. */
export interface Transport {
  /** Bytes accepted by `write` and not yet taken by the kernel. */
  readonly writableLength: number;
  /** The bytes must not change until `writableLength` is 0 again. */
  write(bytes: Buffer): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
  /** No more reads until `resume`. */
  pause(): void;
  resume(): void;
}

/** Shared ranges up to this size are copied behind other output; larger ones are sent as they are. */
const COPY_SHARED_BYTES = 4 * 1024;
/**
 * What waits in the transport keeps all the memory that it lies in. Behind other output that waits, pieces up to these sizes are
 * copied, so that a peer that takes nothing holds little more than what is counted for it (I8).
 */
const COPY_WAITING_CHUNK_BYTES = 4 * 1024;
const COPY_WAITING_SHARED_BYTES = 16 * 1024;

const NONE: Buffer = Buffer.alloc(0);

/** Hears when a peer that had left more than a mark waiting has taken so much that no more than the mark waits. */
export interface Relief {
  readonly markBytes: number;
  /** Called within a flush: what it leads to belongs into another turn. */
  relieved(): void;
}

/** Collects and writes the output of one connection. */
export class SocketOutput {
  /** The chunk being written and the end of its content; valid right after {@link reserve}. */
  buffer: Buffer = NONE;
  position = 0;
  readonly transport: Transport;
  readonly #flusher: OutputFlusher;
  readonly #relief: Relief | undefined;
  #shared: Buffer = NONE;
  #sharedStart = 0;
  #sharedEnd = 0;
  /** Finished pieces before the open chunk or range, in order; null as long as there are none. */
  #queue: Buffer[] | null = null;
  #queuedBytes = 0;
  #congestedBytes = 0;
  #writtenBytes = 0;
  #dirty = false;
  #ending = false;
  #closed = false;

  constructor(transport: Transport, flusher: OutputFlusher, relief?: Relief) {
    this.transport = transport;
    this.#flusher = flusher;
    this.#relief = relief;
  }

  /** Bytes that the peer has not taken: collected in this turn, or waiting in the transport when it was last written. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.position + (this.#sharedEnd - this.#sharedStart) + this.#congestedBytes;
  }

  /** Bytes that have left for the peer since the connection began. */
  get takenBytes(): number {
    return this.#writtenBytes - this.transport.writableLength;
  }

  /** Whether something is collected that the next flush writes. */
  get isDirty(): boolean {
    return this.#dirty;
  }

  /** The transport has taken everything. */
  drained(): void {
    const waitingBytes = this.waitingBytes;
    this.#congestedBytes = 0;
    this.#tellRelief(waitingBytes);
  }

  /**
   * A kernel that takes a whole burst at once leaves nothing that a drain could follow, so a flush is asked as well
   * (N7). Above the mark a drain does follow as long as the mark is no lower than the transport's own (64 KiB).
   */
  #tellRelief(waitedBytes: number): void {
    const relief = this.#relief;
    if (relief !== undefined && waitedBytes > relief.markBytes && this.waitingBytes <= relief.markBytes) {
      relief.relieved();
    }
  }

  get closed(): boolean {
    return this.#closed || this.#ending;
  }

  /** Makes room for `sizeBytes` at `position` of the returned chunk; call {@link advance} with the end of what was written. */
  reserve(sizeBytes: number): Buffer {
    if (this.#sharedEnd > 0) this.#settleShared();
    if (this.position + sizeBytes > this.buffer.length) this.#newChunk(sizeBytes);
    if (!this.#dirty) this.#markDirty();
    return this.buffer;
  }

  advance(position: number): void {
    this.position = position;
  }

  /** Appends a copy of a small packet. */
  copy(bytes: Buffer): void {
    const buffer = this.reserve(bytes.length);
    bytes.copy(buffer, this.position);
    this.position += bytes.length;
  }

  /** Appends `buffer[start, end)`, which nobody changes any more. */
  share(buffer: Buffer, start: number, end: number): void {
    if (buffer === this.#shared && start === this.#sharedEnd) {
      this.#sharedEnd = end;
      return;
    }
    if (this.#sharedEnd > 0 || this.position > 0) {
      this.#shareBehind(buffer, start, end);
      return;
    }
    this.#shared = buffer;
    this.#sharedStart = start;
    this.#sharedEnd = end;
    if (!this.#dirty) this.#markDirty();
  }

  #shareBehind(buffer: Buffer, start: number, end: number): void {
    const sizeBytes = end - start;
    if (sizeBytes <= COPY_SHARED_BYTES) {
      const chunk = this.reserve(sizeBytes);
      buffer.copy(chunk, this.position, start, end);
      this.position += sizeBytes;
      return;
    }
    if (this.#sharedEnd > 0) this.#settleShared();
    if (this.position > 0) this.#sealChunk();
    this.#shared = buffer;
    this.#sharedStart = start;
    this.#sharedEnd = end;
    if (!this.#dirty) this.#markDirty();
  }

  /** The open range goes before what comes next: copied if small, else queued. */
  #settleShared(): void {
    const start = this.#sharedStart;
    const end = this.#sharedEnd;
    const shared = this.#shared;
    this.#shared = NONE;
    this.#sharedStart = this.#sharedEnd = 0;
    if (end - start > COPY_SHARED_BYTES) {
      if (this.position > 0) this.#sealChunk();
      this.#enqueue(shared.subarray(start, end));
      return;
    }
    if (this.position + (end - start) > this.buffer.length) this.#newChunk(end - start);
    shared.copy(this.buffer, this.position, start, end);
    this.position += end - start;
  }

  #newChunk(sizeBytes: number): void {
    if (this.position > 0) this.#sealChunk();
    else if (this.buffer !== NONE) this.#flusher.giveBack(this.buffer);
    this.buffer = sizeBytes <= CHUNK_BYTES ? this.#flusher.borrow() : Buffer.allocUnsafeSlow(sizeBytes);
  }

  #sealChunk(): void {
    this.#enqueue(this.buffer.subarray(0, this.position));
    this.buffer = NONE;
    this.position = 0;
  }

  #enqueue(piece: Buffer): void {
    (this.#queue ??= []).push(piece);
    this.#queuedBytes += piece.length;
  }

  #markDirty(): void {
    this.#dirty = true;
    this.#flusher.add(this);
  }

  /** Writes everything; called by the flusher once per turn. */
  flush(): void {
    this.#dirty = false;
    const { transport } = this;
    if (this.#closed) {
      this.#drop();
      return;
    }
    const waitedBytes = this.waitingBytes;
    this.#writtenBytes += waitedBytes - this.#congestedBytes;
    if (this.#queue !== null) {
      const queue = this.#queue;
      this.#queue = null;
      this.#queuedBytes = 0;
      for (const piece of queue) transport.write(piece);
    }
    if (this.position > 0) this.#writeChunk();
    if (this.#sharedEnd > 0) {
      const piece = this.#shared.subarray(this.#sharedStart, this.#sharedEnd);
      this.#shared = NONE;
      this.#sharedStart = this.#sharedEnd = 0;
      const isCopied = transport.writableLength > 0 && piece.length <= COPY_WAITING_SHARED_BYTES;
      transport.write(isCopied ? Buffer.from(piece) : piece);
    }
    this.#congestedBytes = transport.writableLength;
    if (this.#ending) transport.end();
    else this.#tellRelief(waitedBytes);
  }

  #writeChunk(): void {
    const { transport, buffer } = this;
    const piece = this.position === buffer.length ? buffer : buffer.subarray(0, this.position);
    const isCopied = transport.writableLength > 0 && piece.length <= COPY_WAITING_CHUNK_BYTES;
    transport.write(isCopied ? Buffer.from(piece) : piece);
    // Copied, or taken at once by the kernel: the chunk is free. Otherwise it belongs to the transport.
    if (isCopied || transport.writableLength === 0) this.#flusher.giveBack(buffer);
    this.buffer = NONE;
    this.position = 0;
  }

  /** Writes what is collected, then closes the connection. */
  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    if (!this.#dirty) this.#markDirty();
  }

  /** The connection is gone, or is to be cut now. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.transport.destroy();
    this.#drop();
  }

  #drop(): void {
    if (this.buffer !== NONE) this.#flusher.giveBack(this.buffer);
    this.buffer = NONE;
    this.position = 0;
    this.#shared = NONE;
    this.#sharedStart = this.#sharedEnd = 0;
    this.#queue = null;
    this.#queuedBytes = 0;
  }
}
