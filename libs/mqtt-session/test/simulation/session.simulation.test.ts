// One durable session over two gateways that crash: at least once and in order at QoS 1 (I3, I4), nothing missed after
// SUBACK (I5), nothing that was settled again (N6). Planted faults show that the checks see what they are for.

import { firstFailure, simulate } from '@robustmq/testkit';
import { Outbound, type ResumedPlace } from '../../src/outbound/outbound.ts';
import type { SimulatedTail } from './cluster.ts';
import type { Faults } from './served-session.ts';
import { SessionSimulation } from './session-simulation.ts';

const run = (seed: number, faults?: Faults): Promise<void> => {
  new SessionSimulation(seed, faults).run();
  return Promise.resolve();
};

test('I3, I4, I5, N6: a durable session holds its promises over crashes, takeovers and late leaders', async () => {
  await simulate({ seeds: 5_000 }, (seed) => run(seed));
});

class CursorPastInFlight extends Outbound<SimulatedTail> {
  override cursorOf(place: SimulatedTail): number {
    return this.sentBelow(place);
  }
}

class NoFloor extends Outbound<SimulatedTail> {
  override begin(resumed: ResumedPlace<SimulatedTail>): void {
    super.begin({ ...resumed, from: Math.min(resumed.from, resumed.place.nextOffset) });
  }
}

class LiveBeforePlaces extends Outbound<SimulatedTail> {
  override isLiveAt(key: number): boolean {
    return this.lags?.has(key) !== true;
  }
}

class JumpForgetsFloor extends Outbound<SimulatedTail> {
  override tailJumped(place: SimulatedTail, from: number, ringFrom: number): void {
    if (this.lags?.has(place.key) !== true) this.fallBehind(place, from, ringFrom);
  }
}

class CertainTooSoon extends Outbound<SimulatedTail> {
  override get isUncertain(): boolean {
    return false;
  }
}

class NeverDup extends Outbound<SimulatedTail> {
  override admit(place: SimulatedTail, offset: number): number {
    const packetId = super.admit(place, offset);
    this.isRedelivery = false;
    return packetId;
  }
}

class NewBeforeOwed extends Outbound<SimulatedTail> {
  override owes(): boolean {
    return false;
  }
}

class NeverAgain extends Outbound<SimulatedTail> {
  override owedPlaces(): SimulatedTail[] {
    return [];
  }
}

class RoomForAll extends Outbound<SimulatedTail> {
  override resend(place: SimulatedTail, offset: number): number {
    const packetId = super.resend(place, offset);
    if (packetId > 0) this.window.acknowledge(packetId);
    return packetId;
  }
}

const planted: Record<string, Faults> = {
  'cursors pass what is in flight': { outbound: CursorPastInFlight },
  'the floor of a session that is ahead of the tail is ignored': { outbound: NoFloor },
  'a resumed session is live before its places are known': { outbound: LiveBeforePlaces },
  'a jump of the tail brings what lies below the floor': { outbound: JumpForgetsFloor },
  'a release forgets that an earlier owner ended without a word': { outbound: CertainTooSoon },
  'messages go again without DUP after a crash': { outbound: NeverDup },
  'what is owed is never sent again': { outbound: NeverAgain },
  'new messages go before what is owed': { outbound: NewBeforeOwed },
  'a message that goes again leaves the window': { outbound: RoomForAll },
  'in-flight rows are dropped at a release': { dropOutboundRows: true },
  'what the old owner hands over is dropped': { dropHandover: true },
  'an answer of one shard counts for all': { answersCoverAll: true },
  'SUBACK does not wait for every shard': { forgetUnanswered: true },
  'live sessions skip what a tail left out': { jumpsSkip: true },
  "what is owed is judged by today's filters": { owedByFilter: true },
  'what is owed gets new identifiers': { newIdentifiers: true },
  'start vectors are ignored': { ignoreStarts: true },
  'QoS 0 goes again below what may have been sent': { repeatQos0: true },
  'cursors are where the tail is': { cursorsAtTail: true },
};

test.each(Object.entries(planted))('is found: %s', async (_name, faults) => {
  const found = await firstFailure({ seeds: 3_000 }, (seed) => run(seed, faults));
  expect(found?.message).toBeDefined();
});
