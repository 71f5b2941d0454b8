// One durable session over three gateways that crash, and takeovers in chains: at least once and in order at QoS 1 (I3, I4), nothing missed after
// SUBACK (I5), nothing that was settled again (N6). Planted faults show that the checks see what they are for.

import { firstFailure, simulate } from '@robustmq/testkit';
import { Outbound, type ResumedPlace } from '../../src/outbound/outbound.ts';
import type { Places, SimulatedTail } from './cluster.ts';
import { LastWords, type LastWord } from '../../src/takeover/last-words.ts';
import { SessionSimulation, type Faults } from './session-simulation.ts';

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
  override admit(place: SimulatedTail, offset: number, isInherited: boolean): number {
    const packetId = super.admit(place, offset, isInherited);
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

/** An answer that was lost is not given again. */
class ToldOnce extends LastWords<Places> {
  override answer(name: string, epoch: bigint): LastWord<Places> {
    const word = super.answer(name, epoch);
    if (word.places !== undefined) this.forget(name, epoch);
    return word;
  }
}

/** What was known once is believed for ever. */
class AnyEpoch extends LastWords<Places> {
  #last: Places | undefined;
  override keep(name: string, epoch: bigint, places: Places): void {
    this.#last = places;
    super.keep(name, epoch, places);
  }
  override forget(): void {
    // Kept.
  }
  override known(): Places | undefined {
    return this.#last;
  }
}

/** A CONNECT says that it has stopped before it knows what it is given. */
class StoppedTooSoon extends LastWords<Places> {
  override answer(name: string, epoch: bigint): LastWord<Places> {
    return { hasStopped: true, places: this.known(name, epoch) };
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
  'what the first of a chain knew is dropped by one that never served': { dropChained: true },
  'a CONNECT that is given up leaves doubt behind': { dropUnserved: true },
  'what an owner knew is told only once': { lastWords: ToldOnce },
  'an old word is believed of a younger ownership': { lastWords: AnyEpoch },
  'an owner that is gone is taken to have stopped those before it': { trustTheDead: true },
  'a gateway that is still taking the session says that it has stopped': { lastWords: StoppedTooSoon },
  'a session is served before its owner has stopped': { skipStop: true },
  'an answer of one shard counts for all': { answersCoverAll: true },
  'SUBACK does not wait for every shard': { forgetUnanswered: true },
  'live sessions skip what a tail left out': { jumpsSkip: true },
  "what is owed is judged by today's filters": { owedByFilter: true },
  'what is owed gets new identifiers': { newIdentifiers: true },
  'start vectors are ignored': { ignoreStarts: true },
  'QoS 0 goes again below what may have been sent': { repeatQos0: true },
  'what a crashed owner may have sent counts as new': { inheritsNothing: true },
  'cursors are where the tail is': { cursorsAtTail: true },
};

test.each(Object.entries(planted))('is found: %s', async (_name, faults) => {
  const found = await firstFailure({ seeds: 3_000 }, (seed) => run(seed, faults));
  expect(found?.message).toBeDefined();
});
