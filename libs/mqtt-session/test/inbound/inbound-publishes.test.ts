// What a client publishes: bounds and order of the answers. Row by row the statements of the specification are held by
// connection.test.ts.

import { PublishView, type ProtocolVersion } from '@robustmq/mqtt-codec';
import { DEFAULT_SESSION_POLICY } from '../../src/connect/policy.ts';
import { GOES_ON, InboundPublishes } from '../../src/inbound/inbound-publishes.ts';
import type { PendingAck } from '../../src/inbound/ack-queue.ts';

const RECEIVE_MAXIMUM = 4;

function inboundOf(version: ProtocolVersion) {
  const pending: PendingAck[] = [];
  const acks: (readonly number[])[] = [];
  const calls: string[] = [];
  const ended: number[] = [];
  const inbound = new InboundPublishes(
    {
      hasAliasRoom: () => true,
      takeAliasBytes: () => true,
      publish: (_topic, _view, each) => void (each !== null && pending.push(each)),
      sendAck: (type, packetId, reasonCode) => acks.push([type, packetId, reasonCode]),
      pauseReading: () => calls.push('pause'),
      resumeReading: () => calls.push('resume'),
    },
    { ...DEFAULT_SESSION_POLICY, receiveMaximum: RECEIVE_MAXIMUM },
    version,
    (reasonCode) => ended.push(reasonCode),
  );
  const publish = (packetId: number): number => {
    const view = new PublishView();
    view.clearProperties(0);
    return inbound.publish(Object.assign(view, { topic: 't', qos: 1, packetId }));
  };
  return { inbound, publish, pending, acks, calls, ended };
}

test.each([
  [5, 0x92],
  [4, 0],
] as const)(
  'S5: PUBCOMP waits behind the PUBACK of what came before PUBREL, level %d',
  (version, reasonCode) => {
    const { inbound, publish, pending, acks } = inboundOf(version);
    publish(1);
    inbound.release(9);
    publish(2);
    pending[1]!.settle(0);
    expect(acks).toEqual([]);
    pending[0]!.settle(0);
    expect(acks).toEqual([
      [4, 1, 0],
      [7, 9, reasonCode],
      [4, 2, 0],
    ]);
  },
);

test('PUBREL of something unknown counts against no Receive Maximum', () => {
  const { inbound, publish } = inboundOf(5);
  publish(1);
  for (let packetId = 10; packetId < 14; packetId++) inbound.release(packetId);
  expect(inbound.unacknowledgedCount).toBe(1);
  for (let packetId = 2; packetId <= RECEIVE_MAXIMUM; packetId++) expect(publish(packetId)).toBe(GOES_ON);
  expect(publish(99)).toBe(0x93);
});

test.each([4, 5] as const)(
  'I8: PUBRELs without end behind a publish without an outcome, level %d',
  (version) => {
    const { inbound, publish, pending, acks, calls, ended } = inboundOf(version);
    publish(1);
    let sent = 0;
    while (calls.length === 0 && sent < 100) inbound.release(100 + sent++);
    expect(calls).toEqual(['pause']);
    expect(sent).toBeLessThan(2 * RECEIVE_MAXIMUM);
    pending[0]!.settle(0);
    expect(calls).toEqual(['pause', 'resume']);
    expect(acks).toHaveLength(1 + sent);
    expect(ended).toEqual([]);
  },
);

test('a closed one writes nothing more', () => {
  const { inbound, publish, pending, acks } = inboundOf(5);
  publish(1);
  inbound.close();
  pending[0]!.settle(0);
  expect(acks).toEqual([]);
  expect(inbound.unacknowledgedCount).toBe(0);
});
