// What an operator alters of a stream holds for what is published from then on, on gateways that have served it before.

import { RawClient, start, until, type Running } from './running-gateway.ts';
import type { HeldAppend } from './scripted-journal.ts';

let running: Running;
let client: RawClient;

beforeEach(async () => {
  running = await start({ streams: [{ name: 'mqtt', config: { 'mqtt.durability': 'memory' } }] });
  running.journal.holdAppends = true;
  client = new RawClient(running.port, 5);
  await client.connect('publisher');
});

afterEach(async () => {
  client.close();
  await running.stop();
});

async function nextAppend(): Promise<HeldAppend> {
  await until(() => running.journal.held.length > 0, 'append');
  const held = running.journal.held.shift()!;
  held.commit();
  return held;
}

async function altered(config: Record<string, string>): Promise<void> {
  const { view } = running.gateway.meta;
  const before = view.revision;
  running.meta.configure(1, config);
  await until(() => view.revision > before, 'the view');
}

test('R8, I1: durability', async () => {
  const durabilities: boolean[] = [];
  for (const [id, durability] of ['memory', 'disk', 'memory'].entries()) {
    await altered({ 'mqtt.durability': durability });
    client.publish('t', durability, 1, id + 1);
    durabilities.push((await nextAppend()).acknowledgeInMemory);
    expect((await client.take('puback')).messageId).toBe(id + 1);
  }
  expect(durabilities).toEqual([true, false, true]);
});
