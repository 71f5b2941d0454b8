import { SpanKind, type SpanContext } from '@opentelemetry/api';
import {
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { ATTRIBUTES, traceContext, TraceSampler } from '../src/index.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`;
const UNSAMPLED = `00-${TRACE_ID}-${SPAN_ID}-00`;

describe('traceparent', () => {
  // Examples and rules of W3C Trace Context, section 3.2.
  it.each<[string, string, number | null]>([
    ['sampled', SAMPLED, 1],
    ['not sampled', UNSAMPLED, 0],
    ['unknown flags', `00-${TRACE_ID}-${SPAN_ID}-ff`, 1],
    ['later version', `cc-${TRACE_ID}-${SPAN_ID}-01`, 1],
    ['later version with more', `cc-${TRACE_ID}-${SPAN_ID}-01-what`, 1],
    ['version 00 with more', `${SAMPLED}-what`, null],
    ['version ff', `ff-${TRACE_ID}-${SPAN_ID}-01`, null],
    ['zero trace id', `00-${'0'.repeat(32)}-${SPAN_ID}-01`, null],
    ['zero span id', `00-${TRACE_ID}-${'0'.repeat(16)}-01`, null],
    ['upper case', SAMPLED.toUpperCase(), null],
    ['short', SAMPLED.slice(0, -1), null],
    ['empty', '', null],
    ['endless', `cc-${TRACE_ID}-${SPAN_ID}-01-${'x'.repeat(300)}`, null],
  ])('%s', (_name, text, traceFlags) => {
    const context = traceContext.parse(text);
    if (traceFlags === null) return expect(context).toBeNull();
    expect(context).toEqual({ traceId: TRACE_ID, spanId: SPAN_ID, traceFlags, isRemote: true });
  });

  it('comes back as it was written', () => {
    for (const text of [SAMPLED, UNSAMPLED])
      expect(traceContext.format(traceContext.parse(text)!)).toBe(text);
    fc.assert(fc.property(fc.string(), (text) => expect(() => traceContext.parse(text)).not.toThrow()));
  });

  it('is found in MQTT User Properties and Kafka headers', () => {
    expect(
      traceContext.ofUserProperties([
        ['a', 'b'],
        ['traceparent', SAMPLED],
      ])?.spanId,
    ).toBe(SPAN_ID);
    expect(traceContext.ofUserProperties([['traceparent', 'broken']])).toBeNull();
    expect(traceContext.ofUserProperties([['a', 'b']])).toBeNull();
    expect(traceContext.ofUserProperties(null)).toBeNull();
    expect(traceContext.ofHeaderValue(Buffer.from(SAMPLED))?.traceId).toBe(TRACE_ID);
    expect(traceContext.ofHeaderValue(Buffer.alloc(1000))).toBeNull();
    expect(traceContext.ofHeaderValue(null)).toBeNull();
  });
});

describe('TraceSampler', () => {
  const parent = (text: string): SpanContext => traceContext.parse(text)!;

  function recording(
    ratio: number,
    random = Math.random,
  ): { sampler: TraceSampler; exporter: InMemorySpanExporter } {
    const exporter = new InMemorySpanExporter();
    const provider = new TracerProvider({
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
    });
    return { sampler: new TraceSampler({ tracer: provider.getTracer('test'), ratio, random }), exporter };
  }

  it('is off without a tracer, whatever the parent says', () => {
    const sampler = new TraceSampler({ tracer: null, ratio: 1 });
    expect(sampler.isOn).toBe(false);
    expect(sampler.start('publish', parent(SAMPLED))).toBeNull();
  });

  it('follows the parent, and the ratio only without one', () => {
    const { sampler } = recording(0);
    expect(sampler.start('publish', null)).toBeNull();
    expect(sampler.start('publish', parent(UNSAMPLED))).toBeNull();
    expect(sampler.start('publish', parent(SAMPLED))).not.toBeNull();
    const all = recording(1).sampler;
    expect(all.start('publish', null)).not.toBeNull();
    expect(all.start('publish', parent(UNSAMPLED))).toBeNull();
  });

  it('samples its share of the roots', () => {
    let step = 0;
    const { sampler } = recording(0.25, () => (step++ % 100) / 100);
    const sampled = Array.from({ length: 400 }, () => sampler.start('publish', null)).filter(
      (span) => span !== null,
    );
    expect(sampled).toHaveLength(100);
  });

  it('publish, append and deliver become one trace across processes', () => {
    const { sampler, exporter } = recording(1);
    const publish = sampler.start('publish', null, {
      kind: SpanKind.PRODUCER,
      attributes: { [ATTRIBUTES.messagingSystem]: 'mqtt' },
      startTimeMs: 1_700_000_000_000,
    })!;
    const carried = traceContext.format(publish.spanContext());
    const append = sampler.start('append', traceContext.parse(carried))!;
    append.end();
    publish.end();
    const [first, second] = exporter.getFinishedSpans();
    expect(first!.spanContext().traceId).toBe(second!.spanContext().traceId);
    expect(first!.parentSpanContext?.spanId).toBe(second!.spanContext().spanId);
    expect(second!.startTime[0]).toBe(1_700_000_000);
    expect(second!.attributes).toEqual({ 'messaging.system': 'mqtt' });
    expect(traceContext.logFields(append)).toEqual({
      trace_id: publish.spanContext().traceId,
      span_id: append.spanContext().spanId,
    });
    expect(traceContext.logFields(null)).toEqual({});
  });
});
