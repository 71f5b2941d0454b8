// What may make a client leave is found, and nothing else: counted alone in flight, sent like a slow start.

import { Departures, SUSPECTED_FROM } from '../../src/outbound/departures.ts';
import type { Place } from '../../src/outbound/place.ts';
import { SendWindow } from '../../src/outbound/send-window.ts';

const place: Place = { key: 1, nextOffset: 100, deliveredBelow: 100 };

function make(receiveMaximum = 16) {
  const window = new SendWindow<Place>(receiveMaximum);
  return { window, departures: new Departures<Place>(window) };
}

test('a crowd is counted until it is suspected; then only what is alone counts', () => {
  const { window, departures } = make();
  window.take(place, 1);
  const second = window.take(place, 2);
  for (let times = 0; times < SUSPECTED_FROM + 2; times++) departures.left();
  expect([departures.of(place, 1), departures.of(place, 2), departures.of(place, 3)]).toEqual([3, 3, 0]);
  window.acknowledge(second);
  departures.left();
  expect([departures.of(place, 1), departures.of(place, 2)]).toEqual([4, 3]);
});

test('[MQTT-4.4.0-1]: what a broken connection or two left behind is sent again whole', () => {
  const { departures } = make();
  departures.restored([
    { packetId: 1, place, offset: 1, departures: 1 },
    { packetId: 2, place, offset: 2, departures: SUSPECTED_FROM - 1 },
  ]);
  expect(departures.room).toBe(Infinity);
});

test('what an earlier connection left behind, and this one has not sent, is not blamed again', () => {
  const { window, departures } = make();
  window.restore(7, place, 1);
  window.restore(8, place, 2);
  window.resend(7);
  departures.restored([{ packetId: 7, place, offset: 1, departures: 1 }]);
  departures.left();
  expect([departures.of(place, 1), departures.of(place, 2)]).toEqual([2, 0]);
});

test('suspected messages are sent one at a time first, then twice as many after each acknowledgement', () => {
  const { window, departures } = make();
  expect(departures.room).toBe(Infinity);
  departures.restored([{ packetId: 1, place, offset: 1, departures: SUSPECTED_FROM }]);
  expect(departures.room).toBe(1);
  const first = window.take(place, 1);
  expect(departures.room).toBe(0);
  window.acknowledge(first);
  const rooms = [1, 2, 3, 4].map(() => {
    departures.acknowledged();
    return departures.room;
  });
  expect(rooms).toEqual([2, 4, 8, Infinity]);
});
