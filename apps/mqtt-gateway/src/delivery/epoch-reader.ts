// The calls by which journals tell where leader epochs ended: one to each leader that is concerned.

import type { JournalClient } from '@robustmq/journal-client';
import { fromFailure } from '@robustmq/rpc';
import type { EpochAnswer, EpochQuestion, EpochReader } from './epoch-ends.ts';

type Calls = NonNullable<ReturnType<JournalClient['callsOf']>>;

/** Asks the leaders; a question that none can be asked is refused in its answer. */
export function epochReader(journal: Pick<JournalClient, 'callsOf'>): EpochReader {
  return async (questions) => {
    const answers = new Map<EpochQuestion, EpochAnswer>();
    const byLeader = Map.groupBy(questions, ({ streamId, shard }) => journal.callsOf(streamId, shard));
    await Promise.allSettled(
      [...byLeader].map(async ([calls, own]) => {
        if (calls === undefined) return;
        const told = await endsFrom(calls, own);
        told.forEach((answer, index) => answers.set(own[index]!, answer));
      }),
    );
    return questions.map((question) => answers.get(question));
  };
}

async function endsFrom(calls: Calls, questions: readonly EpochQuestion[]): Promise<EpochAnswer[]> {
  const { outcomes } = await calls.endOffsetsForEpochs({ queries: [...questions], minRevision: 0n });
  return outcomes.map(({ failure, endOffset }) => ({
    error: fromFailure(failure),
    endOffset: Number(endOffset),
  }));
}
