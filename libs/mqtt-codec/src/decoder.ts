// MqttDecoder: the bytes of one connection → its packets. PUBLISH, its acknowledgements and PINGREQ are read here; every
// other packet is checked and then decoded by mqtt-packet, one whole packet at a time.

import { BrokerError } from '@robustmq/errors';
import { acknowledgement } from './ack-packet.ts';
import { PACKET_TYPE, type AckType, type ControlPacket, type ProtocolVersion } from './control-packet.ts';
import { malformedPacket, packetTooLarge, protocolError } from './decode-error.ts';
import { decodeByLibrary } from './library-parser.ts';
import { DEFAULT_PACKET_LIMITS, type PacketLimits } from './packet-limits.ts';
import { readPublish } from './publish-packet.ts';
import { PublishView } from './publish-view.ts';
import { REASON } from './reason-code.ts';
import {
  atLevel,
  checkAuth,
  checkConnect,
  checkDisconnect,
  checkSubscribe,
  checkUnsubscribe,
} from './strict-check.ts';
import type { TopicCache } from './topic-cache.ts';

/** Receives what a {@link MqttDecoder} reads. It may call `pause` and `close` of the decoder. */
export interface DecoderSink {
  /** `view` is valid only during the call. */
  publish(view: PublishView): void;
  ack(type: AckType, packetId: number, reasonCode: number): void;
  pingreq(): void;
  /** CONNECT (once, first), SUBSCRIBE, UNSUBSCRIBE, DISCONNECT (last) or AUTH; its memory is its own. */
  packet(packet: ControlPacket): void;
}

/** What a connection's decoder needs. */
export interface DecoderOptions {
  readonly topics: TopicCache;
  /** Whole packet, fixed header included, until {@link MqttDecoder.maxPacketBytes} is set; default 64 KiB. */
  readonly firstPacketMaxBytes?: number;
  /** Bounds on what one packet holds; default {@link DEFAULT_PACKET_LIMITS}. */
  readonly limits?: PacketLimits;
  /** Bytes that may wait while it is paused; default 1 MiB. A frame of a WebSocket may carry as many at once. */
  readonly maxHeldBytes?: number;
  /** Asked between packets: whether the loop is owed to others. What is left waits then; see {@link MqttDecoder.isYielding}. */
  readonly isTurnSpent?: () => boolean;
}

/** Room for a CONNECT with long credentials; more is not believed of someone who is not authenticated. */
export const FIRST_PACKET_MAX_BYTES = 64 * 1024;
/** First allocation for a packet in pieces; it doubles as bytes arrive, so a header alone claims no memory. */
const BODY_INITIAL_BYTES = 4096;
/** The Remaining Length has at most four bytes (section 2.1.4). */
const LENGTH_SHIFT_MAX = 21;
/** Where the flags of a CONNECT of 3.1 are: behind the name MQIsdp and the level. */
const MQISDP_FLAGS_AT = 9;
/** Pieces of held input that are joined: a drip of bytes must not become a list of them. */
const MAX_HELD_PIECES = 64;

/** Acknowledgements are cheap and many: reading the clock behind each would cost as much as they do. */
const ACKS_PER_LOOK = 16;

/** Low four bits that each packet type must have; 0xff: PUBLISH, read apart; 0xfe: types no client sends. */
const FIXED_FLAGS = Uint8Array.of(0xfe, 0, 0xfe, 0xff, 0, 0, 2, 0, 2, 0xfe, 2, 0xfe, 0, 0xfe, 0, 0);

/** One per connection. Idle, it holds no buffer. After an error, `close` or a DISCONNECT it ignores its input. */
export class MqttDecoder {
  /** Limit for a whole packet; raise it once the client is authenticated. */
  maxPacketBytes: number;
  /** Protocol level of the CONNECT, 0 before it. */
  protocolVersion: ProtocolVersion | 0 = 0;
  /** Packets so far that came in more than one chunk. */
  splitPackets = 0;
  readonly #topics: TopicCache;
  readonly #limits: PacketLimits;
  /** Null until the first PUBLISH: most idle connections never send one. */
  #view: PublishView | null = null;
  #closed = false;
  #paused = false;
  /** First byte of the packet being read, or -1 between packets. */
  #first = -1;
  /** Remaining Length as far as read, and the bits it has so far. */
  #size = 0;
  #shift = 0;
  #isLengthPadded = false;
  /** Bytes of a packet that spans chunks. */
  #body: Buffer | null = null;
  #filled = 0;
  /** What arrived while paused, in order; null when that is nothing. */
  #held: Buffer[] | null = null;
  #heldBytes = 0;
  #isYielding = false;
  /** Packets since the turn's time was looked at, in acknowledgements. */
  #unlooked = 0;
  readonly #maxHeldBytes: number;
  readonly #isTurnSpent: (() => boolean) | undefined;

  constructor(options: DecoderOptions) {
    this.#topics = options.topics;
    this.#limits = options.limits ?? DEFAULT_PACKET_LIMITS;
    this.#maxHeldBytes = options.maxHeldBytes ?? HELD_MIN_BYTES;
    this.#isTurnSpent = options.isTurnSpent;
    this.maxPacketBytes = options.firstPacketMaxBytes ?? FIRST_PACKET_MAX_BYTES;
  }

  /** It stopped between packets because the turn was spent: {@link resume} goes on, in another turn (N8). */
  get isYielding(): boolean {
    return this.#isYielding;
  }

  /** Memory of the packet that has come in part. */
  get unfinishedBytes(): number {
    return this.#body?.length ?? 0;
  }

  /**
   * Reads as many packets as `chunk` completes. The chunk is the decoder's to keep.
   * @throws BrokerError malformed, too_large or unsupported, with the reason code in `details`; it is the last one.
   */
  push(chunk: Buffer, sink: DecoderSink): void {
    if (this.#closed) return;
    try {
      if (this.#paused || this.#isYielding) this.#hold(chunk);
      else this.#read(chunk, sink);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Stops between packets, also inside a chunk; the rest waits for {@link resume}. The caller stops reading too. */
  pause(): void {
    this.#paused = true;
  }

  /** Whether something arrived while paused that was not read yet. */
  get holdsInput(): boolean {
    return this.#held !== null;
  }

  /** Goes on with what was held. Errors as {@link push}. */
  resume(sink: DecoderSink): void {
    this.#paused = false;
    this.#isYielding = false;
    const pieces = this.#held;
    this.#held = null;
    this.#heldBytes = 0;
    if (pieces === null) return;
    for (const piece of pieces) this.push(piece, sink);
  }

  /** Drops all state; nothing is read any more. */
  close(): void {
    this.#closed = true;
    this.#body = null;
    this.#held = null;
  }

  #read(chunk: Buffer, sink: DecoderSink): void {
    const length = chunk.length;
    let at = 0;
    while (at < length) {
      if (this.#body !== null) {
        at = this.#fill(chunk, at, sink);
      } else {
        at = this.#readHeader(chunk, at);
        if (at < 0) return;
        const end = at + this.#size;
        if (end > length) {
          this.#startBody(chunk, at);
          return;
        }
        const first = this.#first;
        this.#first = -1;
        this.#dispatch(first, chunk, at, end, sink);
        at = end;
      }
      if (this.#closed) return;
      if (at < length && this.#isTurnOver()) this.#isYielding = true;
      if (this.#paused || this.#isYielding) {
        if (at < length) this.#hold(chunk.subarray(at));
        return;
      }
    }
  }

  /** Behind each packet that may cost much: a publish that thousands of filters match takes as long as a turn may. */
  #isTurnOver(): boolean {
    if (this.#unlooked < ACKS_PER_LOOK) return false;
    this.#unlooked = 0;
    return this.#isTurnSpent?.() === true;
  }

  /** Reads the fixed header; returns where the rest of the packet starts, or -1 when the chunk ends first. */
  #readHeader(chunk: Buffer, start: number): number {
    let at = start;
    if (this.#first < 0) {
      const first = chunk[at++]!;
      this.#checkFirstByte(first);
      this.#first = first;
      this.#size = 0;
      this.#shift = 0;
    }
    for (;;) {
      if (at >= chunk.length) return -1;
      const byte = chunk[at++]!;
      this.#size |= (byte & 0x7f) << this.#shift;
      if (byte < 0x80) {
        // Before CONNECT the version is not known: whether it matters is seen then.
        this.#isLengthPadded = byte === 0 && this.#shift > 0;
        if (this.#isLengthPadded && this.protocolVersion === 5) throw paddedLength();
        break;
      }
      if (this.#shift === LENGTH_SHIFT_MAX)
        throw malformedPacket('Remaining Length has more than four bytes');
      this.#shift += 7;
    }
    const sizeBytes = 2 + this.#shift / 7 + this.#size;
    if (sizeBytes > this.maxPacketBytes) throw packetTooLarge(sizeBytes, this.maxPacketBytes);
    return at;
  }

  /** Type and flags, before a byte more of the packet is stored. */
  #checkFirstByte(first: number): void {
    const type = first >> 4;
    if ((type === PACKET_TYPE.connect) !== (this.protocolVersion === 0)) {
      throw protocolError(
        type === PACKET_TYPE.connect
          ? 'second CONNECT [MQTT-3.1.0-2]'
          : 'first packet is not CONNECT [MQTT-3.1.0-1]',
      );
    }
    const flags = FIXED_FLAGS[type]!;
    if (flags === 0xff) {
      if ((first & 0x06) === 0x06) throw malformedPacket('QoS is 3 [MQTT-3.3.1-4]');
      if ((first & 0x0e) === 0x08) throw malformedPacket('DUP at QoS 0 [MQTT-3.3.1-2]');
      return;
    }
    if (flags === 0xfe) throw protocolError(`packet type ${type} from a client`);
    // MQTT 3.1 sets DUP when it repeats a PUBREL, SUBSCRIBE or UNSUBSCRIBE.
    const ignored = this.protocolVersion === 3 && flags === 2 ? 0x08 : 0;
    if ((first & 0x0f & ~ignored) !== flags) {
      throw malformedPacket(`reserved flags of packet type ${type} are wrong [MQTT-2.1.3-1]`);
    }
  }

  #startBody(chunk: Buffer, at: number): void {
    const have = chunk.length - at;
    this.splitPackets++;
    this.#body = Buffer.allocUnsafeSlow(Math.min(this.#size, Math.max(BODY_INITIAL_BYTES, 2 * have)));
    this.#filled = chunk.copy(this.#body, 0, at);
  }

  #fill(chunk: Buffer, at: number, sink: DecoderSink): number {
    let body = this.#body!;
    const count = Math.min(this.#size - this.#filled, chunk.length - at);
    if (this.#filled + count > body.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.min(this.#size, Math.max(2 * body.length, this.#filled + count)),
      );
      body.copy(grown, 0, 0, this.#filled);
      this.#body = body = grown;
    }
    chunk.copy(body, this.#filled, at, at + count);
    this.#filled += count;
    if (this.#filled === this.#size) {
      const first = this.#first;
      this.#first = -1;
      this.#body = null;
      this.#dispatch(first, body, 0, this.#size, sink);
    }
    return at + count;
  }

  #dispatch(first: number, buffer: Buffer, start: number, end: number, sink: DecoderSink): void {
    const type = first >> 4;
    const version = this.protocolVersion as ProtocolVersion;
    const isAck = type >= PACKET_TYPE.puback && type <= PACKET_TYPE.pubcomp;
    this.#unlooked += isAck ? 1 : ACKS_PER_LOOK;
    if (type === PACKET_TYPE.publish) {
      const view = (this.#view ??= new PublishView());
      readPublish(view, first, buffer, start, end, version, this.#topics, this.#limits);
      sink.publish(view);
      // The view must not keep the socket's memory alive while the connection is idle.
      view.buffer = NO_BYTES;
      return;
    }
    if (isAck) {
      const { maxUserProperties } = this.#limits;
      const ack = acknowledgement.read(type as AckType, buffer, start, end, version, maxUserProperties);
      sink.ack(type as AckType, ack & 0xffff, ack >> 16);
      return;
    }
    if (type === PACKET_TYPE.pingreq) {
      if (end !== start) throw malformedPacket('PINGREQ is not empty');
      sink.pingreq();
      return;
    }
    sink.packet(this.#readControlPacket(type, buffer, start, end));
    if (type === PACKET_TYPE.disconnect) this.close();
  }

  #readControlPacket(type: number, buffer: Buffer, start: number, end: number): ControlPacket {
    const limits = this.#limits;
    if (type === PACKET_TYPE.connect) {
      this.protocolVersion = checkConnect(buffer, start, end, limits);
      if (this.#isLengthPadded && this.protocolVersion === 5) throw atLevel(paddedLength(), 5);
      if (this.protocolVersion === 3) {
        // mqtt-packet refuses the bit that 3.1 does not know.
        const fields = Buffer.from(buffer.subarray(start, end));
        fields[MQISDP_FLAGS_AT]! &= 0xfe;
        return decodeByLibrary(0x10, fields, 0, fields.length, 3);
      }
      return decodeByLibrary(0x10, buffer, start, end, this.protocolVersion);
    }
    const version = this.protocolVersion as ProtocolVersion;
    if (type === PACKET_TYPE.subscribe) checkSubscribe(buffer, start, end, version, limits);
    else if (type === PACKET_TYPE.unsubscribe) checkUnsubscribe(buffer, start, end, version, limits);
    else if (type === PACKET_TYPE.disconnect) checkDisconnect(buffer, start, end, version, limits);
    else checkAuth(buffer, start, end, version, limits);
    return decodeByLibrary((type << 4) | FIXED_FLAGS[type]!, buffer, start, end, version);
  }

  #hold(chunk: Buffer): void {
    const sizeBytes = this.#heldBytes + chunk.length;
    if (sizeBytes > this.#maxHeldBytes) {
      throw new BrokerError('quota_exceeded', 'the peer sends on although nobody reads', {
        details: { reasonCode: REASON.quotaExceeded },
      });
    }
    const held = (this.#held ??= []);
    held.push(chunk);
    this.#heldBytes = sizeBytes;
    if (held.length > MAX_HELD_PIECES) this.#held = [Buffer.concat(held)];
  }
}

function paddedLength(): BrokerError {
  return malformedPacket('Remaining Length is not minimal [MQTT-1.5.5-1]');
}

const NO_BYTES = Buffer.alloc(0);

/** One socket read of Node is at most 64 KiB, and a few may be on their way when the caller stops reading. */
const HELD_MIN_BYTES = 1024 * 1024;
