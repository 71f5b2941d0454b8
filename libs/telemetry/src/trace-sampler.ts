// TraceSampler: decides per message or batch whether spans are recorded, before any OpenTelemetry object is made. Even an
// unsampled span costs about a microsecond; asking here costs one comparison when tracing is off.

import {
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Attributes,
  type Span,
  type SpanContext,
  type SpanKind,
  type Tracer,
} from '@opentelemetry/api';

/** What a span is about. */
export interface SpanStart {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Milliseconds since 1970, when the work began before it was known to be sampled. */
  readonly startTimeMs?: number;
}

/** Settings of a {@link TraceSampler}. */
export interface TraceSamplerOptions {
  /** Null when nothing exports spans: then nothing is ever sampled. */
  readonly tracer: Tracer | null;
  /** Share of traces begun here, 0 to 1. A trace begun elsewhere is recorded if its sender sampled it. */
  readonly ratio: number;
  readonly random?: () => number;
}

/** Parent-based ratio sampling; the provider behind the tracer records whatever it is asked to. */
export class TraceSampler {
  /** False when tracing is off: hot paths ask this before they look for a parent. */
  readonly isOn: boolean;
  readonly #tracer: Tracer | null;
  readonly #ratio: number;
  readonly #random: () => number;

  constructor(options: TraceSamplerOptions) {
    this.#tracer = options.tracer;
    this.#ratio = options.ratio;
    this.#random = options.random ?? Math.random;
    this.isOn = options.tracer !== null;
  }

  /** A span to be ended by the caller, or null when this one is not sampled. */
  start(name: string, parent: SpanContext | null, options: SpanStart = {}): Span | null {
    if (this.#tracer === null) return null;
    const isSampled =
      parent === null ? this.#random() < this.#ratio : (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    if (!isSampled) return null;
    const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const { kind, attributes, startTimeMs } = options;
    return this.#tracer.startSpan(
      name,
      {
        ...(kind === undefined ? {} : { kind }),
        ...(attributes === undefined ? {} : { attributes }),
        ...(startTimeMs === undefined ? {} : { startTime: startTimeMs }),
      },
      context,
    );
  }
}
