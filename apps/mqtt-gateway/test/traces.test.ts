import { TraceSampler } from '@robustmq/telemetry';
import { RawClient, start, until } from './running-gateway.ts';

test('a sampled publish has a span until its outcome and one for its delivery, under the client’s trace', async () => {
  const spans: { name: string; isEnded: boolean }[] = [];
  const tracer = {
    startSpan(name: string) {
      const span = { name, isEnded: false };
      spans.push(span);
      return { end: () => (span.isEnded = true), recordException: () => undefined };
    },
  };
  const sampler = new TraceSampler({ tracer: tracer as never, ratio: 0 });
  const running = await start({ sampler });
  const device = new RawClient(running.port, 5);
  try {
    await device.connect('dev');
    await device.subscribe('t', 1);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    device.publish('t', 'traced', 1, 1, { properties: { userProperties: { traceparent } } });
    device.publish('t', 'plain', 1, 2);
    await until(() => device.payloads().length === 2);
    expect(spans).toEqual([
      { name: 'mqtt publish', isEnded: true },
      { name: 'mqtt deliver', isEnded: true },
    ]);
    const [traced] = device.received.filter((packet) => packet.cmd === 'publish');
    expect(traced!.properties?.userProperties).toEqual({ traceparent });
  } finally {
    device.close();
    await running.stop();
  }
});
