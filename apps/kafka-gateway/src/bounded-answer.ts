// Large answers to requests of a few bytes: memory is claimed before anything is read or built for them (I8). One of many parts
// that may each be large has a bound as well.
import { BrokerError } from '@robustmq/errors';
import type { RequestContext } from './context.ts';
import { mapBounded } from './map-bounded.ts';

/** Bytes beyond which no further part is read. One alone is answered whatever it has. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Parts that are read at once. */
const MAX_UNDER_WAY = 4;
/** Requests behind this one wait as long, heartbeats among them: then the client rather asks again. */
const CLAIM_WAIT_MS = 500;

/** What is no larger is not worth a claim: the memory for answers does not count it either. */
const UNCLAIMED_BYTES = 64 * 1024;

/** Whether an answer of so many bytes is built without a claim. */
export function isUnclaimed(sizeBytes: number): boolean {
  return sizeBytes <= UNCLAIMED_BYTES;
}

/** The answer that `build` makes, of about so many bytes; what `refuse` says if there is no room for it now. */
export async function claimedAnswer<R>(
  sizeBytes: number,
  { gateway, connection }: RequestContext,
  build: () => Promise<R>,
  refuse: () => Promise<R> | R,
): Promise<R> {
  if (isUnclaimed(sizeBytes)) return build();
  const { answers } = gateway;
  if (!(await answers.claim(sizeBytes, CLAIM_WAIT_MS, connection.closed))) return refuse();
  try {
    return await build();
  } finally {
    answers.release(sizeBytes);
  }
}

/** Refuses by the end of the connection, behind which clients ask again: an answer that refuses each item were as large. */
export function noRoom(): never {
  throw new BrokerError('cancelled', 'there is no room for the answer');
}

/** How the parts come about. */
export interface AnswerParts<T, R> {
  read(item: T): Promise<R>;
  sizeOf(part: R): number;
  /** There is no room for it now: the client asks for it again. */
  refuse(item: T): R;
}

/** The part of the answer for each item, in their order. */
export function boundedAnswer<T, R>(
  items: readonly T[],
  context: RequestContext,
  parts: AnswerParts<T, R>,
): Promise<R[]> {
  let leftBytes = MAX_ANSWER_BYTES;
  const readNext = async (item: T): Promise<R> => {
    if (leftBytes <= 0) return parts.refuse(item);
    const part = await parts.read(item);
    leftBytes -= parts.sizeOf(part);
    return part;
  };
  return claimedAnswer(
    MAX_ANSWER_BYTES,
    context,
    () => mapBounded(items, context.gateway.turns, readNext, MAX_UNDER_WAY),
    () => items.map((item) => parts.refuse(item)),
  );
}
