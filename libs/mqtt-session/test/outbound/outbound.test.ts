// Where a session stands, case by case; session.simulation.test.ts has the stories.

import { NOT_OWED, Outbound } from '../../src/outbound/outbound.ts';
import { SendWindow, WINDOW_FULL } from '../../src/outbound/send-window.ts';

interface Tail {
  readonly key: number;
  nextOffset: number;
  deliveredBelow: number;
}

const tailAt = (nextOffset: number, key = 1): Tail => ({ key, nextOffset, deliveredBelow: nextOffset });
const session = (receiveMaximum = 10): Outbound<Tail> => new Outbound(new SendWindow<Tail>(receiveMaximum));
const resumed = (
  outbound: Outbound<Tail>,
  place: Tail,
  from: number,
  { ringFrom = 0, isUncertain = false, inFlight = [] as [number, number][] } = {},
): void => {
  outbound.resume();
  outbound.resumed({
    places: [{ place, from, ringFrom, committed: from }],
    inFlight: inFlight.map(([packetId, offset]) => ({ packetId, place, offset })),
    isUncertain,
    awaited: [],
  });
};

test('a fresh session is live everywhere', () => {
  const outbound = session();
  expect(outbound.isLive).toBe(true);
  expect(outbound.isLiveAt(1, 0)).toBe(true);
});

test('X5: before its places are known a resumed session is live nowhere', () => {
  const outbound = session();
  outbound.resume();
  expect(outbound.isLiveAt(1, 1_000)).toBe(false);
  expect(outbound.isUncertain).toBe(false);
});

test('N5: it is not live at the tail while the tail has not come to where its filters are active', () => {
  const outbound = session();
  const tail = tailAt(5);
  resumed(outbound, tail, 5, { ringFrom: 8 });
  expect(outbound.lags?.get(1)).toEqual({ nextOffset: 5, ringFrom: 8 });
  // What lies between was read through the journal: the tail brings it once more, to others.
  outbound.lags!.get(1)!.nextOffset = 8;
  outbound.caughtUp(tail);
  expect([outbound.isLiveAt(1, 7), outbound.isLiveAt(1, 8)]).toEqual([false, true]);
});

test('N6: ahead of the tail nothing below the cursor is taken, and the cursor stays', () => {
  const outbound = session();
  const tail = tailAt(5);
  resumed(outbound, tail, 9);
  expect(outbound.cursorOf(tail)).toBe(9);
  expect([8, 9, 10].map((offset) => outbound.isLiveAt(1, offset))).toEqual([false, true, true]);
  expect(outbound.isLive).toBe(true);
});

test('N5: a tail that jumps leaves nothing out, and brings nothing from below the floor', () => {
  const tail = tailAt(5);
  const live = session();
  live.tailJumped(tail, 5, 20);
  expect(live.lags?.get(1)).toEqual({ nextOffset: 5, ringFrom: 20 });
  const ahead = session();
  resumed(ahead, tail, 9);
  ahead.tailJumped(tail, 5, 20);
  expect(ahead.lags?.get(1)).toEqual({ nextOffset: 9, ringFrom: 20 });
  const farAhead = session();
  resumed(farAhead, tail, 30);
  farAhead.tailJumped(tail, 5, 20);
  expect(farAhead.lags).toBeNull();
});

test('[MQTT-4.4.0-1]: what is owed goes before what is new, in order, each once, within the window', () => {
  const outbound = session(2);
  const tail = tailAt(9);
  resumed(outbound, tail, 9, {
    inFlight: [
      [7, 6],
      [3, 2],
      [5, 4],
    ],
  });
  expect(outbound.lags?.get(1)).toMatchObject({ nextOffset: 9 });
  expect(outbound.owedOffsets(tail, 10)).toEqual([2, 4, 6]);
  expect(outbound.roomIn(tail)).toBe(2);
  expect([outbound.resend(tail, 2), outbound.resend(tail, 4)]).toEqual([3, 5]);
  expect(outbound.resend(tail, 6)).toBe(WINDOW_FULL);
  expect(outbound.resend(tail, 2)).toBe(NOT_OWED);
  outbound.window.acknowledge(3);
  expect(outbound.resend(tail, 6)).toBe(7);
  expect(outbound.owes(tail)).toBe(false);
  expect(outbound.cursorOf(tail)).toBe(4);
});

test('what the client acknowledges before it came again is owed no more; what the log lost is given up', () => {
  const outbound = session();
  const tail = tailAt(9);
  resumed(outbound, tail, 9, {
    inFlight: [
      [3, 2],
      [5, 4],
    ],
  });
  outbound.window.acknowledge(3);
  expect(outbound.owedOffsets(tail, 10)).toEqual([4]);
  outbound.abandon(tail, 4);
  outbound.abandon(tail, 4);
  expect(outbound.window.size).toBe(0);
  expect(outbound.owedPlaces()).toEqual([]);
});

test('S3: after a crash of its owner all below the tail may have been sent, until it is read', () => {
  const outbound = session();
  const tail = tailAt(9);
  resumed(outbound, tail, 4, { isUncertain: true });
  expect([outbound.mayHaveSent(tail, 8), outbound.mayHaveSent(tail, 9)]).toEqual([true, false]);
  outbound.admit(tail, 4, true);
  expect(outbound.isRedelivery).toBe(true);
  // What only a subscription of this connection matches no owner before has sent.
  outbound.admit(tail, 5, false);
  expect(outbound.isRedelivery).toBe(false);
  expect(outbound.isUncertain).toBe(true);
  outbound.lags!.get(1)!.nextOffset = 9;
  outbound.caughtUp(tail);
  expect(outbound.isUncertain).toBe(false);
  outbound.admit(tail, 9, true);
  expect(outbound.isRedelivery).toBe(false);
});

test('S3: where this tail may be behind what an owner elsewhere has sent, nothing is new before the leader has spoken', () => {
  const outbound = session();
  const tail = tailAt(9);
  outbound.resume();
  outbound.resumed({ places: [], inFlight: [], isUncertain: true, awaited: [] });
  outbound.begin({ place: tail, from: 9, ringFrom: 9, committed: 9, mayBeBehind: true });
  expect([outbound.mayHaveSent(tail, 1e9), outbound.isUnconfirmed, outbound.isUncertain]).toEqual([
    true,
    true,
    true,
  ]);
  expect([8, 9, 1e9].map((offset) => outbound.isInQuestion(tail, offset))).toEqual([false, true, true]);
  expect(outbound.confirmed(tail.key + 1, 50)).toBe(false);
  expect(outbound.isUnconfirmed).toBe(true);
  expect(outbound.confirmed(tail.key, 12)).toBe(true);
  expect(outbound.isInQuestion(tail, 1e9)).toBe(false);
  // What is said later is what was appended since.
  expect(outbound.confirmed(tail.key, 20)).toBe(false);
  expect([outbound.mayHaveSent(tail, 11), outbound.mayHaveSent(tail, 12), outbound.isUnconfirmed]).toEqual([
    true,
    false,
    false,
  ]);
});

test('N7: nothing is in question any more once no leader has spoken in time, and all of it may have been sent', () => {
  const outbound = session();
  const tail = tailAt(9);
  outbound.resume();
  outbound.resumed({ places: [], inFlight: [], isUncertain: true, awaited: [] });
  expect(outbound.unanswered()).toBe(false);
  const place = { place: tail, from: 9, ringFrom: 9, committed: 9, mayBeBehind: true };
  outbound.begin(place);
  expect([outbound.unanswered(), outbound.unanswered()]).toEqual([true, false]);
  expect([outbound.isInQuestion(tail, 9), outbound.mayHaveSent(tail, 9)]).toEqual([false, true]);
  outbound.admit(tail, 9, true);
  expect(outbound.isRedelivery).toBe(true);
  // It is asked on, and the next owner doubts it as well.
  expect([outbound.isUnconfirmed, outbound.isUncertain]).toEqual([true, true]);
  // Another shard is another question.
  const other = tailAt(4, 2);
  outbound.begin({ ...place, place: other, from: 4, ringFrom: 4, committed: 4 });
  expect([outbound.isInQuestion(other, 4), outbound.isInQuestion(tail, 9)]).toEqual([true, false]);
  expect(outbound.confirmed(tail.key, 12)).toBe(true);
  expect([outbound.mayHaveSent(tail, 11), outbound.mayHaveSent(tail, 12)]).toEqual([true, false]);
  expect(outbound.unanswered()).toBe(true);
});

test('S3: a tail that is ahead of what its leader said is believed', () => {
  const outbound = session();
  const tail = tailAt(9);
  outbound.resume();
  outbound.resumed({ places: [], inFlight: [], isUncertain: true, awaited: [] });
  outbound.begin({ place: tail, from: 4, ringFrom: 9, committed: 4, mayBeBehind: true });
  outbound.confirmed(tail.key, 3);
  expect([outbound.mayHaveSent(tail, 8), outbound.mayHaveSent(tail, 9)]).toEqual([true, false]);
});

test('X4: cursors of shards that had nothing for the session are not stored, and unmoved ones once', () => {
  const outbound = session();
  const tail = tailAt(3);
  tailAt(8, 2);
  expect(outbound.takeMovedCursors()).toEqual([]);
  outbound.touch(tail);
  expect(outbound.takeMovedCursors()).toEqual([{ place: tail, offset: 3 }]);
  outbound.touch(tail);
  expect(outbound.takeMovedCursors()).toEqual([]);
  tail.nextOffset = tail.deliveredBelow = 5;
  outbound.touch(tail);
  const moved = outbound.takeMovedCursors();
  expect(moved).toEqual([{ place: tail, offset: 5 }]);
  outbound.cursorsFailed(moved);
  expect(outbound.hasMoved).toBe(true);
  expect(outbound.takeMovedCursors()).toEqual(moved);
  expect(outbound.cursors()).toEqual(moved);
});

test('S3: a log that is gone leaves no lag and no place in the window, and its cursor to owners that do not know of it', () => {
  const outbound = session();
  const tail = tailAt(9);
  resumed(outbound, tail, 4, { inFlight: [[3, 2]], isUncertain: true });
  outbound.forget(1);
  expect(outbound.lags).toBeNull();
  expect(outbound.cursors()).toEqual([{ place: tail, offset: 9 }]);
  expect(outbound.window.size).toBe(0);
  expect(outbound.isUncertain).toBe(false);
  expect(outbound.isLive).toBe(true);
});

test('N7, S3: a log that is gone when the session comes is not waited for, and its row is kept', () => {
  const outbound = session();
  const place = tailAt(5);
  outbound.resume();
  outbound.resumed({
    places: [],
    inFlight: [],
    isUncertain: true,
    awaited: [{ place, committed: 5, isGone: true }],
  });
  expect([outbound.isLive, outbound.isUncertain, outbound.hasMoved]).toEqual([true, false, false]);
  expect(outbound.cursors()).toEqual([{ place, offset: 5 }]);
  // It was a view that is behind: what was doubtful there is so again.
  outbound.begin({ place: tailAt(8), from: 5, ringFrom: 8, committed: 5 });
  expect(outbound.isUncertain).toBe(true);
});

test('S3: the cursor of a log that is gone is that of what its client has not acknowledged, as long as there is some', () => {
  const outbound = session();
  const tail = tailAt(9);
  outbound.touch(tail);
  const packetId = outbound.admit(tail, 6, false);
  outbound.forget(1);
  expect(outbound.takeMovedCursors()).toEqual([{ place: tail, offset: 6 }]);
  outbound.window.acknowledge(packetId);
  outbound.acknowledged();
  expect(outbound.takeMovedCursors()).toEqual([{ place: tail, offset: 9 }]);
});

test('a log that is gone and had nothing for the session leaves no cursor', () => {
  const outbound = session();
  tailAt(9);
  outbound.forget(1);
  expect([outbound.cursors(), outbound.takeMovedCursors()]).toEqual([[], []]);
});

test('N6: a shard whose tail is not known is owed by place, and its cursor moves with what is acknowledged', () => {
  const outbound = session();
  const place = tailAt(5);
  outbound.resume();
  outbound.resumed({
    places: [],
    inFlight: [{ packetId: 4, place, offset: 3 }],
    isUncertain: false,
    awaited: [{ place, committed: 3 }],
  });
  expect(outbound.isLiveAt(1, 100)).toBe(false);
  expect(outbound.owedPlaces()).toEqual([place]);
  expect(outbound.resend(place, 3)).toBe(4);
  outbound.window.acknowledge(4);
  outbound.acknowledged();
  expect(outbound.takeMovedCursors()).toEqual([{ place, offset: 5 }]);
  const tail = tailAt(8);
  outbound.begin({ place: tail, from: 5, ringFrom: 8, committed: 5 });
  expect(outbound.lags?.get(1)).toEqual({ nextOffset: 5, ringFrom: 8 });
});

test('S3, X4: a cursor in a log that is gone is kept until no next owner needs it, and then let go once', () => {
  const outbound = session();
  const [tail, other] = [tailAt(9), tailAt(4, 2)];
  outbound.touch(tail);
  outbound.touch(other);
  expect(outbound.takeMovedCursors()).toHaveLength(2);
  expect(outbound.hasGoneCursors).toBe(false);
  outbound.forget(1);
  expect(outbound.hasGoneCursors).toBe(true);
  expect(outbound.takeGoneCursors(() => false, 9)).toEqual([]);
  expect(outbound.cursors()).toHaveLength(2);
  const gone = outbound.takeGoneCursors(() => true, 9);
  expect(gone).toEqual([{ place: tail, committed: 9 }]);
  // Meta did not hear of it: it is there still, for an owner to come as well.
  outbound.goneCursorsFailed(gone);
  expect(outbound.cursors()).toHaveLength(2);
  expect(outbound.takeMovedCursors()).toEqual([]);
  expect(outbound.takeGoneCursors(() => true, 9)).toEqual(gone);
  expect(outbound.hasGoneCursors).toBe(false);
  expect(outbound.cursors()).toEqual([{ place: other, offset: 4 }]);
});

test('N8: as many cursors in logs that are gone are taken at once as one commit lets go', () => {
  const outbound = session();
  for (let key = 1; key <= 5; key++) outbound.touch(tailAt(9, key));
  for (let key = 1; key <= 5; key++) outbound.forget(key);
  const taken = [1, 2, 3].map(() => outbound.takeGoneCursors(() => true, 2).length);
  expect([taken, outbound.hasGoneCursors, outbound.cursors()]).toEqual([[2, 2, 1], false, []]);
});

test('N7: the cursor of a log that is gone when the session comes is let go as well', () => {
  const outbound = session();
  const place = tailAt(5);
  outbound.resume();
  outbound.resumed({
    places: [],
    inFlight: [],
    isUncertain: false,
    awaited: [{ place, committed: 5, isGone: true }],
  });
  expect(outbound.takeGoneCursors(() => true, 9)).toEqual([{ place, committed: 5 }]);
});
