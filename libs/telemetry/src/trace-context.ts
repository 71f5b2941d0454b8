// W3C Trace Context as it enters: an MQTT User Property or a Kafka record header named `traceparent`. It passes through
// the system untouched; what is parsed here only decides whether and under which parent we record spans.

import {
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  TraceFlags,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';

/** Version, trace id, parent id, flags; a later version may go on behind a dash. */
const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Longer than any real one, so that a hostile value costs no regular expression. */
const MAX_CHARS = 256;

/** Reads and writes trace contexts where they enter and leave. */
export const traceContext = {
  /** Name of the MQTT User Property and of the Kafka header. */
  header: 'traceparent',

  /** The context of a `traceparent` value, or null when it is none (a broken one is ignored, as the standard says). */
  parse(text: string): SpanContext | null {
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
  },

  /** The `traceparent` value of a context, version 00. */
  format(context: SpanContext): string {
    return `00-${context.traceId}-${context.spanId}-${context.traceFlags === 0 ? '00' : '01'}`;
  },

  /** The context among MQTT User Properties, or null. */
  ofUserProperties(
    properties: readonly (readonly [name: string, value: string])[] | null | undefined,
  ): SpanContext | null {
    if (properties === null || properties === undefined) return null;
    for (const [name, value] of properties) {
      if (name === traceContext.header) return traceContext.parse(value);
    }
    return null;
  },

  /** The context in the value of a Kafka `traceparent` header, or null. */
  ofHeaderValue(value: Buffer | null): SpanContext | null {
    return value === null || value.length > MAX_CHARS ? null : traceContext.parse(value.toString('latin1'));
  },

  /** The log fields of a span, so that logs and traces find each other. */
  logFields(span: Span | null): { trace_id?: string; span_id?: string } {
    const context = span?.spanContext() ?? INVALID_SPAN_CONTEXT;
    return context === INVALID_SPAN_CONTEXT ? {} : { trace_id: context.traceId, span_id: context.spanId };
  },
} as const;
