// What a client sends, read as far as it may be now: no further while there is a reason to hold it, in slices of a turn (N8),
// and not from a client that takes nothing of what it is sent.

import { MqttDecoder } from '@robustmq/mqtt-codec';
import type { UnfinishedInput } from '../transport/input-memory.ts';
import type { ConnectionHost } from './connection-host.ts';
import type { ServingConnection } from './client-session.ts';
import { OutputWatch, type WatchedConnection } from './output-watch.ts';
import { HOLD_OUTPUT, HOLD_TURN } from './read-holds.ts';
import type { Reader } from './read-turns.ts';

/** The connection that input comes from. */
export interface ReadConnection extends ServingConnection, WatchedConnection {
  /** Input was read as far as it goes now. */
  hasRead(): void;
  /** More of its input is unfinished than there is memory for: it ends. */
  overdrawn(): void;
}

/** The input of one connection. */
export class ClientInput implements Reader, UnfinishedInput {
  readonly #host: ConnectionHost;
  readonly #connection: ReadConnection;
  readonly #decoder: MqttDecoder;
  #holds = 0;
  #watch: OutputWatch | null = null;
  /** What the memory for input has counted for this connection. */
  #unfinishedBytes = 0;
  #splitPackets = 0;
  #aliasBytes = 0;
  #isClosed = false;

  constructor(host: ConnectionHost, connection: ReadConnection) {
    this.#host = host;
    this.#connection = connection;
    this.#decoder = new MqttDecoder({
      topics: host.topics,
      limits: host.limits.packets,
      maxHeldBytes: host.limits.maxHeldBytes,
      isTurnSpent: host.reading.isSpent,
    });
  }

  get idlePackets(): number {
    return this.#connection.machine.idlePackets;
  }

  /** Whether something arrived that was not served yet. */
  get isHeld(): boolean {
    return this.#decoder.holdsInput;
  }

  /** Whether it is we who don't read. But a client that takes nothing of what holds its input back is as good as gone (N7). */
  isSilenceOurs(): boolean {
    return (this.#holds & HOLD_OUTPUT) === 0 ? this.#holds !== 0 : this.#watch!.hasTaken();
  }

  received(bytes: Buffer): void {
    if (this.#holds === 0 && !this.#host.reading.begin(this)) this.hold(HOLD_TURN);
    try {
      this.#decoder.push(bytes, this.#connection.machine);
      this.#afterRead();
    } catch (thrown) {
      this.#connection.failed(thrown);
    }
  }

  #afterRead(): void {
    const { machine, output } = this.#connection;
    if (machine.isClosed) return;
    this.#countUnfinished();
    if (machine.isClosed) return;
    machine.received(this.#host.clock.monotonicMs());
    if (this.#decoder.isYielding && (this.#holds & HOLD_TURN) === 0) {
      this.hold(HOLD_TURN);
      this.#host.reading.leave(this);
    }
    // A client that sends but does not read gets no more room than its share.
    if (output.waitingBytes > this.#host.limits.maxOutputBytes) this.#holdForOutput();
    this.#connection.hasRead();
  }

  #countUnfinished(): void {
    const { unfinishedBytes, splitPackets } = this.#decoder;
    const before = this.#unfinishedBytes;
    if (unfinishedBytes === 0 && before === 0) return;
    const isAnother = splitPackets !== this.#splitPackets;
    this.#unfinishedBytes = unfinishedBytes;
    this.#splitPackets = splitPackets;
    this.#host.inputMemory.unfinished(this, before, unfinishedBytes, isAnother);
  }

  overdrawn(): void {
    this.#connection.overdrawn();
  }

  hasAliasRoom(moreBytes: number): boolean {
    return this.#host.inputMemory.hasAliasRoom(this.#aliasBytes, moreBytes);
  }

  takeAliasBytes(moreBytes: number): boolean {
    if (this.#isClosed || !this.#host.inputMemory.takeAliases(this.#aliasBytes, moreBytes)) return false;
    this.#aliasBytes += moreBytes;
    return true;
  }

  readOn(): void {
    this.#connection.guard(() => this.release(HOLD_TURN));
  }

  #holdForOutput(): void {
    if ((this.#holds & HOLD_OUTPUT) !== 0 || this.#connection.output.closed) return;
    const { wheel, limits } = this.#host;
    this.#watch ??= new OutputWatch(this.#connection, wheel, limits.outputTimeoutMs);
    this.#watch.begin();
  }

  /** Stops reading for a reason. */
  hold(reason: number): void {
    if (this.#holds === 0) {
      this.#decoder.pause();
      this.#connection.output.transport.pause();
    }
    this.#holds |= reason;
  }

  /** The reason is gone; reading goes on when there is no other. */
  release(reason: number): void {
    const { machine, output } = this.#connection;
    if ((this.#holds & reason) === 0 || machine.isClosed) return;
    this.#holds &= ~reason;
    if (reason === HOLD_OUTPUT) this.#watch!.end();
    if (this.#holds !== 0) return;
    if (this.#decoder.holdsInput && !this.#host.reading.begin(this)) {
      this.hold(HOLD_TURN);
      return;
    }
    try {
      this.#decoder.resume(machine);
      this.#afterRead();
    } catch (thrown) {
      this.#connection.failed(thrown);
    }
    // Behind what was held: that is often a CONNECT, which has reading held again.
    if (this.#holds === 0) output.transport.resume();
  }

  /** CONNACK was sent: larger packets are believed. */
  accepted(): void {
    this.#decoder.maxPacketBytes = this.#host.limits.maximumPacketBytes;
  }

  /** The connection is over: nothing more is read. */
  close(): void {
    this.#decoder.close();
    this.#countUnfinished();
    this.takeAliasBytes(-this.#aliasBytes);
    this.#isClosed = true;
    this.#host.reading.forget(this);
    this.#watch?.end();
  }
}
