import fc from 'fast-check';
import { PACKET_TYPE } from '@robustmq/mqtt-codec';
import { AckQueue, type InboundAckType, type PendingAck } from '../../src/inbound/ack-queue.ts';

const TYPES: readonly InboundAckType[] = [PACKET_TYPE.puback, PACKET_TYPE.pubrec, PACKET_TYPE.pubcomp];
const { puback } = PACKET_TYPE;
/** The model's packets are of each type in turn. */
const typeOf = (packetId: number): InboundAckType => TYPES[packetId % TYPES.length]!;

test('S5, [MQTT-4.6.0-2] [MQTT-4.6.0-3]: whatever the order of outcomes, acknowledgements of all types leave in the order of arrival', () => {
  const step = fc.oneof(fc.constant('add' as const), fc.nat(1000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const written: number[] = [];
      const queue = new AckQueue((type, packetId, reasonCode) => {
        expect(type).toBe(typeOf(packetId));
        expect(reasonCode).toBe(packetId % 2 === 0 ? 0 : 0x97);
        written.push(packetId);
      });
      const open: PendingAck[] = [];
      const settled = new Set<number>();
      let next = 1;
      for (const each of steps) {
        if (each === 'add') open.push(queue.add(typeOf(next), next++));
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
        const waiting = Array.from({ length: queue.size }, (_, index) => typeOf(expected + 1 + index));
        expect(queue.unacknowledged).toBe(waiting.filter((type) => type === puback).length);
      }
    }),
    { numRuns: 500 },
  );
});

test('a write that closes the queue is the last one', () => {
  const written: number[] = [];
  const queue = new AckQueue((_type, packetId) => {
    written.push(packetId);
    if (packetId === 2) queue.close();
  });
  const pending = [1, 2, 3].map((packetId) => queue.add(puback, packetId));
  for (const each of pending.reverse()) each.settle(0);
  expect(written).toEqual([1, 2]);
  expect(queue.size).toBe(0);
});

test('a closed queue writes nothing more', () => {
  const written: number[] = [];
  const queue = new AckQueue((_type, packetId) => written.push(packetId));
  const pending = queue.add(puback, 1);
  queue.close();
  pending.settle(0);
  expect(written).toEqual([]);
});
