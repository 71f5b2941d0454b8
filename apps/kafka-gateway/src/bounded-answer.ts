// An answer of many parts that may each be large, to a request of a few bytes: it has a bound, and memory is claimed before
// anything is read for it (I8).
import type { RequestContext } from './context.ts';
import { mapBounded } from './map-bounded.ts';

/** Bytes beyond which no further part is read. One alone is answered whatever it has. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Parts that are read at once. */
const MAX_UNDER_WAY = 4;
/** Requests behind this one wait as long, heartbeats among them: then the client rather asks again. */
const CLAIM_WAIT_MS = 500;

/** How the parts come about. */
export interface AnswerParts<T, R> {
  read(item: T): Promise<R>;
  sizeOf(part: R): number;
  /** There is no room for it now: the client asks for it again. */
  refuse(item: T): R;
}

/** The part of the answer for each item, in their order. */
export async function boundedAnswer<T, R>(
  items: readonly T[],
  { gateway, connection }: RequestContext,
  parts: AnswerParts<T, R>,
): Promise<R[]> {
  const { answers } = gateway;
  if (!(await answers.claim(MAX_ANSWER_BYTES, CLAIM_WAIT_MS, connection.closed)))
    return items.map((item) => parts.refuse(item));
  let leftBytes = MAX_ANSWER_BYTES;
  const readNext = async (item: T): Promise<R> => {
    if (leftBytes <= 0) return parts.refuse(item);
    const part = await parts.read(item);
    leftBytes -= parts.sizeOf(part);
    return part;
  };
  try {
    return await mapBounded(items, gateway.turns, readNext, MAX_UNDER_WAY);
  } finally {
    answers.release(MAX_ANSWER_BYTES);
  }
}
