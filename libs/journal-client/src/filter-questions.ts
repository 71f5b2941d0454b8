// One question to all journals: any of them may lead a shard that can hold a filter (rule X5).

import { BrokerError } from '@robustmq/errors';
import type { Timers } from '@robustmq/runtime';
import type { JournalPeer } from './journal-peer.ts';
import type { AnswerCallback, FilterAnswer } from './link-tail.ts';

/** Asks one journal. */
export type FilterQuestion = (peer: JournalPeer, answered: AnswerCallback) => void;

/** Asks every peer and calls back once all have answered: with the first error, and what the others said. */
export function askAll(
  peers: readonly JournalPeer[],
  timers: Timers,
  ask: FilterQuestion,
  callback: AnswerCallback,
): void {
  const whole: FilterAnswer & { activeFrom: unknown[]; marks: unknown[] } = { activeFrom: [], marks: [] };
  let missing = peers.length;
  let failure: BrokerError | undefined;
  if (missing === 0) {
    timers.soon(() => callback(new BrokerError('unavailable', 'no journal is connected'), whole));
    return;
  }
  for (const peer of peers) {
    ask(peer, (error, answer) => {
      failure ??= error;
      whole.activeFrom.push(...answer.activeFrom);
      whole.marks.push(...answer.marks);
      if (--missing === 0) callback(failure, whole);
    });
  }
}
