// Serializer of the Exchange frames that carry record data: the batches are copied once, from where they lie into the
// message, instead of being joined first and copied again by the generated writer. Same wire format; reading needs
// nothing of its own, for the generated reader's `bytes` are views.

import { fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import {
  AppendFrameSchema,
  BacklogResultFrameSchema,
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  FetchResultFrameSchema,
  TailFrameSchema,
  type ExchangeRequest,
  type ExchangeResponse,
} from './generated/robustmq/journal/v1/journal_pb.ts';
import { registerMessageCodec } from './service-definition.ts';

/** A frame whose `batches` are given in pieces. */
export interface PiecedFrame {
  readonly batches: Uint8Array;
}

interface FrameKind {
  readonly schema: DescMessage;
  /** Field of the frame in its envelope. */
  readonly field: number;
  /** Field of `batches` in the frame. */
  readonly batchesField: number;
}

/** Protobuf's type of strings, bytes and messages. */
const LENGTH_DELIMITED = 2;

const REQUEST_KINDS: Readonly<Record<string, FrameKind>> = {
  append: { schema: AppendFrameSchema, field: 2, batchesField: 2 },
};
const RESPONSE_KINDS: Readonly<Record<string, FrameKind>> = {
  tail: { schema: TailFrameSchema, field: 3, batchesField: 2 },
  fetch: { schema: FetchResultFrameSchema, field: 4, batchesField: 3 },
  backlog: { schema: BacklogResultFrameSchema, field: 6, batchesField: 2 },
};

const piecesOf = new WeakMap<object, readonly Uint8Array[]>();

/**
 * Gives the `batches` of a frame as pieces, to be laid end to end when the frame is serialized; its own `batches` stay
 * empty. The pieces must not change before that, which is within `write`.
 */
export function withPieces<F extends PiecedFrame>(frame: F, pieces: readonly Uint8Array[]): F {
  piecesOf.set(frame, pieces);
  return frame;
}

registerMessageCodec(ExchangeRequestSchema, {
  serialize: (message: ExchangeRequest) =>
    serialize(ExchangeRequestSchema, message, REQUEST_KINDS, message.frame),
  deserialize: (bytes) => fromBinary(ExchangeRequestSchema, bytes, { readUnknownFields: false }),
});
registerMessageCodec(ExchangeResponseSchema, {
  serialize: (message: ExchangeResponse) =>
    serialize(ExchangeResponseSchema, message, RESPONSE_KINDS, message.frame),
  deserialize: (bytes) => fromBinary(ExchangeResponseSchema, bytes, { readUnknownFields: false }),
});

function serialize<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  kinds: Readonly<Record<string, FrameKind>>,
  frame: { readonly case?: string | undefined; readonly value?: unknown },
): Buffer {
  const pieces =
    typeof frame.value === 'object' && frame.value !== null ? piecesOf.get(frame.value) : undefined;
  const kind = frame.case === undefined ? undefined : kinds[frame.case];
  if (pieces === undefined || kind === undefined) {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  // Fields may come in any order: what the generated writer makes of the rest first, then the data.
  const head = toBinary(kind.schema, frame.value as MessageShape<DescMessage>);
  let dataBytes = 0;
  for (const piece of pieces) dataBytes += piece.length;
  const frameBytes = head.length + (dataBytes === 0 ? 0 : 1 + sizeOfVarint(dataBytes) + dataBytes);
  const target = Buffer.allocUnsafe(1 + sizeOfVarint(frameBytes) + frameBytes);
  let at = writeTag(target, 0, kind.field, frameBytes);
  target.set(head, at);
  at += head.length;
  if (dataBytes === 0) return target;
  at = writeTag(target, at, kind.batchesField, dataBytes);
  for (const piece of pieces) {
    target.set(piece, at);
    at += piece.length;
  }
  return target;
}

/** Tag of a field below 16 and the length behind it. */
function writeTag(target: Buffer, position: number, field: number, lengthBytes: number): number {
  target[position] = (field << 3) | LENGTH_DELIMITED;
  let at = position + 1;
  let rest = lengthBytes;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++;
  return size;
}
