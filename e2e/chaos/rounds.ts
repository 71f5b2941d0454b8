// How many rounds of a fault a suite takes: `npm test` has minutes, the nightly run has hours.
import { noteCount } from '@robustmq/testkit';

/** `rounds`, or as many times more as the variable `FAULT_SCALE` says. */
export function faultRounds(rounds: number): number {
  return Math.ceil(rounds * Number(process.env['FAULT_SCALE'] ?? 1));
}

/** A limit that grows with the rounds. */
export function faultTimeoutMs(minutes: number): number {
  return faultRounds(minutes) * 60_000;
}

/** Notes a round that ended well, for the nightly summary. */
export function noteRound(): void {
  noteCount(1);
}
