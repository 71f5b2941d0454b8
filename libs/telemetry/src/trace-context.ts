// W3C Trace Context as it enters: an MQTT User Property or a Kafka record header named `traceparent`. It passes through
// the system untouched; what is parsed here only decides whether and under which parent we record spans.

import { isSpanContextValid, TraceFlags, type SpanContext } from '@opentelemetry/api';

/** Name of the MQTT User Property and of the Kafka header. */
export const TRACEPARENT = 'traceparent';

/** Version, trace id, parent id, flags; a later version may go on behind a dash. */
const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Longer than any real one, so that a hostile value costs no regular expression. */
const MAX_CHARS = 256;

/** The context of a `traceparent` value, or null when it is none (a broken one is ignored, as the standard says). */
export function parseTraceparent(text: string): SpanContext | null {
  if (text.length > MAX_CHARS) return null;
  const match = PATTERN.exec(text);
  if (match === null || match[1] === 'ff' || (match[1] === '00' && match[5] !== undefined)) return null;
  const context = {
    traceId: match[2]!,
    spanId: match[3]!,
    traceFlags: Number.parseInt(match[4]!, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(context) ? context : null;
}

/** The `traceparent` value of a context, version 00. */
export function formatTraceparent(context: SpanContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags === 0 ? '00' : '01'}`;
}

/** The context among MQTT User Properties, or null. */
export function contextOfUserProperties(
  properties: readonly (readonly [name: string, value: string])[] | null | undefined,
): SpanContext | null {
  if (properties === null || properties === undefined) return null;
  for (const [name, value] of properties) {
    if (name === TRACEPARENT) return parseTraceparent(value);
  }
  return null;
}

/** The context in the value of a Kafka `traceparent` header, or null. */
export function contextOfHeaderValue(value: Buffer | null): SpanContext | null {
  return value === null || value.length > MAX_CHARS ? null : parseTraceparent(value.toString('latin1'));
}
