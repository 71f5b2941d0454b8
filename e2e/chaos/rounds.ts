// How many rounds of a fault a suite takes: `npm test` has minutes, the nightly run has hours.
import { noteCount } from '@robustmq/testkit';

/** `rounds`, or as many times more as the variable `FAULT_SCALE` says. */
export function faultRounds(rounds: number): number {
  return Math.ceil(rounds * faultScale());
}

/** A limit that grows with the rounds; fewer of them than usual still start and stop a cluster. */
export function faultTimeoutMs(minutes: number): number {
  return minutes * Math.max(1, faultScale()) * 60_000;
}

function faultScale(): number {
  return Number(process.env['FAULT_SCALE'] ?? 1);
}

/** Notes a round that ended well, for the nightly summary. */
export function noteRound(): void {
  noteCount(1);
}
