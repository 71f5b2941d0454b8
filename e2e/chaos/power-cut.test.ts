// The power goes under load; what the disk held at that instant is booted: nothing acknowledged is lost (I1, I9).
import { PowerWorld } from './power-world.ts';
import { faultRounds, faultTimeoutMs, noteRound } from './rounds.ts';

const ROUNDS = faultRounds(20);

let world: PowerWorld;

beforeAll(async () => {
  world = await PowerWorld.start();
}, 60_000);
afterAll(() => world.remove());

test(
  `${ROUNDS} power cuts: nothing acknowledged is lost, nothing damaged is served, no healthy shard refuses to serve`,
  async () => {
    let replayedRounds = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { found, inFlight, recovery } = await world.cut();
      expect({ round, found, quarantined: recovery.quarantined }).toEqual({
        round,
        found: [],
        quarantined: [],
      });
      // The cut came under load.
      expect(inFlight).toBeGreaterThan(0);
      if (recovery.replayedSections > 0) replayedRounds += 1;
      noteRound();
    }
    expect(world.writers.flatMap((writer) => writer.complaints)).toEqual([]);
    // A round proves something of the commit log only if the commit log was needed.
    expect(replayedRounds).toBeGreaterThan(ROUNDS / 2);
  },
  faultTimeoutMs(5),
);
