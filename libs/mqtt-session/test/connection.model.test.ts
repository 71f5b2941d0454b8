// Model-based test: random interleavings of what a client and the gateway do, against the invariants of a session.

import fc from 'fast-check';
import type { ProtocolVersion } from '@robustmq/mqtt-codec';
import { connected, type Call, type Fixture } from './connection-fixture.ts';

const RECEIVE_MAXIMUM = 6;

/** What the model knows of one run. */
class Model {
  /** Identifiers of publishes in the order received, and what became of each. */
  readonly received: { packetId: number; outcome: number }[] = [];
  readonly inFlight = new Set<number>();
  acknowledged = 0;
  nextPacketId = 1;
  nowMs = 0;
  isPaused = false;
  isClosed = false;
}

type Step = (model: Model, fixture: Fixture) => void;

const publish: Step = (model, fixture) => {
  if (model.isPaused) return;
  const packetId = model.nextPacketId++;
  const isOver = model.received.length - model.acknowledged >= RECEIVE_MAXIMUM;
  fixture.publish({ topic: 'a', qos: 1, packetId });
  if (!isOver) model.received.push({ packetId, outcome: -1 });
};

const settle =
  (pick: number, reasonCode: number): Step =>
  (model, fixture) => {
    const open = model.received.flatMap((entry, index) => (entry.outcome < 0 ? [index] : []));
    if (open.length === 0) return;
    const index = open[pick % open.length]!;
    model.received[index]!.outcome = reasonCode;
    fixture.sink.pending[index]!.settle(reasonCode);
  };

const deliver: Step = (model, fixture) => {
  const packetId = fixture.connection.ledger.window.take({ key: 0 }, model.nowMs);
  if (packetId === 0) {
    expect(model.inFlight.size).toBe(fixture.connection.ledger.window.receiveMaximum);
    return;
  }
  expect(model.inFlight).not.toContain(packetId);
  model.inFlight.add(packetId);
};

const acknowledge =
  (pick: number): Step =>
  (model, fixture) => {
    const ids = [...model.inFlight];
    const packetId = ids[pick % (ids.length + 1)] ?? 60_000;
    fixture.connection.ack(4, packetId, 0);
    model.inFlight.delete(packetId);
  };

const wait =
  (ms: number): Step =>
  (model, fixture) => {
    model.nowMs += ms;
    fixture.connection.expire(model.nowMs);
  };

const ping: Step = (model, fixture) => {
  fixture.connection.received(model.nowMs);
  fixture.connection.pingreq();
};

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(publish) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat(9), fc.constantFrom(0, 0, 0, 0, 0x10, 0x97))
      .map(([pick, code]) => settle(pick, code)),
  },
  { weight: 5, arbitrary: fc.constant(deliver) },
  { weight: 4, arbitrary: fc.nat(9).map(acknowledge) },
  { weight: 1, arbitrary: fc.nat(9_000).map(wait) },
  { weight: 2, arbitrary: fc.constant(ping) },
);

/** Reads the new calls of the sink and checks each against the model. */
function check(calls: readonly Call[], model: Model, version: ProtocolVersion): void {
  for (const call of calls) {
    // The close is the last call ever.
    expect(model.isClosed).toBe(false);
    if (call.call === 'puback') {
      const entry = model.received[model.acknowledged++]!;
      expect(call.packetId).toBe(entry.packetId);
      // No acknowledgement before the outcome (I1), none at all for a failure in 3.x.
      expect(entry.outcome).toBeGreaterThanOrEqual(0);
      expect(call.reasonCode).toBe(version === 5 ? entry.outcome : 0);
      if (version !== 5) expect(entry.outcome).toBeLessThan(0x80);
    } else if (call.call === 'pauseReading') model.isPaused = true;
    else if (call.call === 'resumeReading') model.isPaused = false;
    else if (call.call === 'close') model.isClosed = true;
  }
}

test.each([3, 4, 5] as ProtocolVersion[])(
  'level %d keeps its invariants under any interleaving',
  (version) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const fixture = connected(
          version,
          { keepalive: 10, ...(version === 5 ? { properties: { receiveMaximum: 5 } } : {}) },
          { receiveMaximum: RECEIVE_MAXIMUM, sendWindowMaximum: 5 },
        );
        const model = new Model();
        let seen = 0;
        for (const run of steps) {
          if (model.isClosed) break;
          run(model, fixture);
          check(fixture.sink.calls.slice(seen), model, version);
          seen = fixture.sink.calls.length;
          if (model.isClosed) break;
          expect(fixture.connection.ledger.window.size).toBe(model.inFlight.size);
          expect(model.inFlight.size).toBeLessThanOrEqual(5);
          expect(fixture.connection.unacknowledgedCount).toBe(model.received.length - model.acknowledged);
          expect(fixture.connection.unacknowledgedCount).toBeLessThanOrEqual(RECEIVE_MAXIMUM);
          // Nothing with an outcome waits behind nothing.
          const first = model.received[model.acknowledged];
          if (first !== undefined) expect(first.outcome).toBe(-1);
        }
      }),
      { numRuns: 500 },
    );
  },
);
