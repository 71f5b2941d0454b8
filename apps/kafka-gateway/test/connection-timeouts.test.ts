// How long a connection may keep silent, and where.

import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { fetchOf } from './fakes/requests.ts';

const FETCH = 1;
const METADATA = 3;

let running: RunningGateway;

const start = async (options: TestOptions = {}): Promise<WireClient> => {
  running = await RunningGateway.start(options);
  return running.client();
};

afterEach(() => running.stop());

test('half a frame, then nothing: closed after the stall timeout', async () => {
  const client = await start({ limits: { stallTimeoutMs: 150 } });
  await client.call(METADATA, 12, { topics: null });
  client.socket.write(client.frame(METADATA, 12, { topics: null }).subarray(0, 7));
  await client.closed();
});

test('a connection that says nothing is closed after the first-request timeout', async () => {
  const client = await start({ limits: { firstRequestTimeoutMs: 150 } });
  await client.closed();
});

test('a first request that comes in drips has no longer than one that does not come', async () => {
  const client = await start({ limits: { firstRequestTimeoutMs: 150 } });
  const frame = client.frame(METADATA, 12, { topics: [{ name: 'x'.repeat(30_000) }] });
  let sentBytes = 0;
  const drip = setInterval(() => client.socket.write(frame.subarray(sentBytes, ++sentBytes)), 5);
  await client.closed();
  clearInterval(drip);
  expect(sentBytes).toBeLessThan(frame.length);
});

test('an idle connection is closed, a waiting one is not', async () => {
  const client = await start({ limits: { idleTimeoutMs: 150 } });
  running.meta.add('t');
  const waits = await running.client();
  waits.send(FETCH, 11, fetchOf(600));
  await client.call(METADATA, 12, { topics: null });
  await client.closed();
  await waits.receive(FETCH, 11);
});
