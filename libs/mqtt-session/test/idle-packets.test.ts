// N8: packets that move nothing on are counted, for whoever reads has to bound them.

import { PACKET_TYPE, REASON } from '@robustmq/mqtt-codec';
import { connected, type Fixture } from './connection-fixture.ts';

const unknownAck = (type: 4 | 5 | 6 | 7) => (fixture: Fixture) => fixture.connection.ack(type, 9, 0);

test.each<[string, (fixture: Fixture) => void]>([
  ['PINGREQ', ({ connection }) => connection.pingreq()],
  ['PUBACK of something unknown', unknownAck(PACKET_TYPE.puback)],
  ['PUBREC of something unknown', unknownAck(PACKET_TYPE.pubrec)],
  ['PUBREL of something unknown', unknownAck(PACKET_TYPE.pubrel)],
  ['PUBCOMP of something unknown', unknownAck(PACKET_TYPE.pubcomp)],
  ['PUBLISH below $SYS', (fixture) => fixture.publish({ topic: '$SYS/x', qos: 1 })],
  [
    'PUBLISH that is refused at once',
    (fixture) => {
      fixture.sink.publish = (_topic, _view, pending) => pending?.settle(REASON.notAuthorized);
      fixture.publish({ topic: 'a', qos: 1 });
    },
  ],
])('N8: %s moves nothing on', (_what, act) => {
  const fixture = connected(5);
  act(fixture);
  expect(fixture.connection.idlePackets).toBe(1);
});

test('N8: a SUBSCRIBE that is answered at once counts as many, one that waits does not', () => {
  const fixture = connected(5);
  const { sink, connection } = fixture;
  fixture.subscribe([{ topic: 'a', qos: 1 }]);
  expect(connection.idlePackets).toBe(0);
  connection.subscribed(sink.subscribes[0]!);
  sink.subscribe = (request) => connection.subscribed(request);
  fixture.subscribe([{ topic: 'a', qos: 1 }]);
  expect(connection.idlePackets).toBe(16);
  sink.unsubscribe = (request) => connection.unsubscribed(request);
  connection.packet({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] });
  expect(connection.idlePackets).toBe(32);
});

test('publishes, and acknowledgements of what is in flight, are no such packets', () => {
  const fixture = connected(5);
  fixture.publish({ topic: 'a', qos: 1 });
  fixture.publish({ topic: 'a' });
  const id = fixture.connection.ledger.window.take({ key: 1 }, 0);
  fixture.connection.ack(PACKET_TYPE.puback, id, 0);
  expect(fixture.connection.idlePackets).toBe(0);
});
