import { traceContext, TraceSampler } from '@robustmq/telemetry';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { RawClient, start, until } from './running-gateway.ts';

type Context = NonNullable<ReturnType<typeof traceContext.parse>>;

interface FakeSpan {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
  readonly spanId: string;
  isEnded: boolean;
}

/** A tracer that remembers its spans; `ratio` is the share of traces that begin here. */
function recording(ratio: number): { spans: FakeSpan[]; sampler: TraceSampler } {
  const spans: FakeSpan[] = [];
  const tracer = {
    startSpan(name: string, _options: unknown, context: { getValue(key: symbol): unknown }) {
      const parent = parentOf(context);
      const number = String(spans.length + 1);
      const span: FakeSpan = {
        name,
        traceId: parent?.traceId ?? number.padStart(32, '7'),
        parentSpanId: parent?.spanId,
        spanId: number.padStart(16, '5'),
        isEnded: false,
      };
      spans.push(span);
      return {
        spanContext: () => ({ traceId: span.traceId, spanId: span.spanId, traceFlags: 1 }),
        end: () => (span.isEnded = true),
        recordException: () => undefined,
      };
    },
  };
  return { spans, sampler: new TraceSampler({ tracer: tracer as never, ratio }) };
}

/** The only value in the context that the sampler makes: a span that does nothing but tell its own context. */
function parentOf(context: object): Context | undefined {
  const values = (context as { _currentContext?: Map<symbol, { spanContext(): Context }> })._currentContext;
  return [...(values?.values() ?? [])][0]?.spanContext();
}

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('a sampled publish has a span until its outcome, its batch and its delivery belong to it', async () => {
  const { spans, sampler } = recording(0);
  const running = await start({ sampler });
  const device = new RawClient(running.port, 5);
  try {
    await device.connect('dev');
    await device.subscribe('t', 1);
    const { traceId, spanId } = traceContext.parse(TRACEPARENT)!;
    device.publish('t', 'traced', 1, 1, { properties: { userProperties: { traceparent: TRACEPARENT } } });
    device.publish('t', 'plain', 1, 2);
    await until(() => device.payloads().length === 2);
    const [publish, deliver] = spans;
    expect(spans).toEqual([
      { name: 'mqtt publish', traceId, parentSpanId: spanId, spanId: publish!.spanId, isEnded: true },
      {
        name: 'mqtt deliver',
        traceId,
        parentSpanId: publish!.spanId,
        spanId: deliver!.spanId,
        isEnded: true,
      },
    ]);
    expect(running.log.records).toContainEqual({
      level: 'debug',
      message: 'publish traced',
      client_id: 'dev',
      tenant: 'default',
      topic: 't',
      connection: expect.any(String) as string,
      trace_id: traceId,
      span_id: publish!.spanId,
    });
    // The journal traces the append under the span of the publish.
    expect(running.journal.traceparents).toEqual([`00-${traceId}-${publish!.spanId}-01`]);
    const [traced] = device.received.filter((packet) => packet.cmd === 'publish');
    expect(traced!.properties?.userProperties).toEqual({ traceparent: TRACEPARENT });
  } finally {
    device.close();
    await running.stop();
  }
});

test('a trace that begins here reaches the delivery without a change of the message', async () => {
  const { spans, sampler } = recording(1);
  const running = await start({ sampler });
  const device = new RawClient(running.port, 5);
  try {
    await device.connect('dev');
    await device.subscribe('t', 1);
    device.publish('t', 'first', 1, 1);
    await until(() => device.payloads().length === 1);
    device.publish('t', 'second', 1, 2);
    await until(() => device.payloads().length === 2);
    const [first, , second] = spans;
    expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ['mqtt publish', undefined],
      ['mqtt deliver', first!.spanId],
      ['mqtt publish', undefined],
      ['mqtt deliver', second!.spanId],
    ]);
    for (const packet of device.received)
      if (packet.cmd === 'publish') expect(packet.properties?.userProperties).toBeUndefined();
  } finally {
    device.close();
    await running.stop();
  }
});

test('a publish of another gateway is found by the context that its client sent', async () => {
  const { spans, sampler } = recording(0);
  const running = await start({ sampler });
  const device = new RawClient(running.port, 5);
  try {
    await device.connect('dev');
    await device.subscribe('t', 1);
    const builder = new RecordBatchBuilder();
    builder.append(1, 't', Buffer.from('elsewhere'), [['traceparent', TRACEPARENT]]);
    running.journal.produce(1, 0, builder.finishCopy());
    await until(() => device.payloads().length === 1);
    const { traceId, spanId } = traceContext.parse(TRACEPARENT)!;
    expect(spans).toEqual([expect.objectContaining({ name: 'mqtt deliver', traceId, parentSpanId: spanId })]);
  } finally {
    device.close();
    await running.stop();
  }
});
