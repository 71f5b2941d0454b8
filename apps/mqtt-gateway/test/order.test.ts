import { RawClient, start, until } from './running-gateway.ts';

/** A small generator of pseudo-random numbers, so that a failing seed replays. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test.each([1, 2, 3, 4])(
  'S5, I3: seed %i: acknowledgements in receive order, deliveries in publish order per topic, whatever the shards do',
  async (seed) => {
    const running = await start({ streams: [{ name: 'mqtt', shards: 3 }] });
    const random = randomOf(seed);
    const publisher = new RawClient(running.port, 5);
    const subscriber = new RawClient(running.port, 5);
    await publisher.connect('pub');
    await subscriber.connect('sub', { properties: { receiveMaximum: 1 + Math.floor(random() * 20) } });
    await subscriber.subscribe('#', 1);
    running.journal.holdAppends = true;
    const acknowledged = new Set<unknown>();
    const deliveries: { topic: string; payload: string }[] = [];
    const count = 300;
    let sent = 0;
    const step = (): void => {
      const burst = Math.floor(random() * 20);
      for (let index = 0; index < burst && sent < count; index++) {
        sent++;
        publisher.publish(`t/${Math.floor(random() * 9)}`, `${sent}`, 1, sent);
      }
      // The shards commit at their own pace, each in its own order.
      const shard = Math.floor(random() * 3);
      const next = running.journal.held.findIndex((held) => held.shard === shard);
      if (next >= 0) running.journal.held.splice(next, 1)[0]!.commit();
      for (const packet of subscriber.received) {
        if (packet.cmd !== 'publish' || acknowledged.has(packet)) continue;
        acknowledged.add(packet);
        deliveries.push({ topic: packet.topic, payload: packet.payload.toString() });
        subscriber.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode: 0 });
      }
    };
    const timer = setInterval(step, 1);
    try {
      const acks = (): number[] =>
        publisher.received.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId!] : []));
      await until(() => acks().length === count && deliveries.length === count);
      expect(acks()).toEqual(Array.from({ length: count }, (_, index) => index + 1));
      for (let topic = 0; topic < 9; topic++) {
        const order = deliveries
          .filter((each) => each.topic === `t/${topic}`)
          .map(({ payload }) => Number(payload));
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
    } finally {
      clearInterval(timer);
      publisher.close();
      subscriber.close();
      await running.stop();
    }
  },
);
