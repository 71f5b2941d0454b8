import fc from 'fast-check';
import { AckQueue, type PendingAck } from '../../src/inbound/ack-queue.ts';

test('[MQTT-4.6.0-2]: whatever the order of outcomes, acknowledgements leave in the order of arrival (S5)', () => {
  const step = fc.oneof(fc.constant('add' as const), fc.nat(1000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const written: number[] = [];
      const queue = new AckQueue((packetId, reasonCode) => {
        expect(reasonCode).toBe(packetId % 2 === 0 ? 0 : 0x97);
        written.push(packetId);
      });
      const open: PendingAck[] = [];
      const settled = new Set<number>();
      let next = 1;
      for (const each of steps) {
        if (each === 'add') open.push(queue.add(next++));
        else if (open.length > 0) {
          const [pending] = open.splice(each % open.length, 1);
          settled.add(pending!.packetId);
          pending!.settle(pending!.packetId % 2 === 0 ? 0 : 0x97);
        }
        // Everything up to the first without an outcome has left, nothing behind it.
        let expected = 0;
        while (settled.has(expected + 1)) expected++;
        expect(written).toEqual(Array.from({ length: expected }, (_, index) => index + 1));
        expect(queue.size).toBe(next - 1 - expected);
      }
    }),
    { numRuns: 500 },
  );
});

test('a write that closes the queue is the last one', () => {
  const written: number[] = [];
  const queue = new AckQueue((packetId) => {
    written.push(packetId);
    if (packetId === 2) queue.close();
  });
  const pending = [1, 2, 3].map((packetId) => queue.add(packetId));
  for (const each of pending.reverse()) each.settle(0);
  expect(written).toEqual([1, 2]);
  expect(queue.size).toBe(0);
});

test('a closed queue writes nothing more', () => {
  const written: number[] = [];
  const queue = new AckQueue((packetId) => written.push(packetId));
  const pending = queue.add(1);
  queue.close();
  pending.settle(0);
  expect(written).toEqual([]);
});
