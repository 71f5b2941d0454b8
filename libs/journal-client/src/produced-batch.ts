// A batch of a Kafka client on its way: sent as it is, never repeated (rule K1).

import { fromFailure } from '@robustmq/rpc';
import type { OutgoingSection } from './append-sender.ts';
import type { ProduceCallback, ProduceRequest } from './types.ts';

/** What the sender needs to know of one produce; `callback` hears of it once. */
export function producedBatch(
  request: ProduceRequest,
  minRevision: number,
  callback: ProduceCallback,
): OutgoingSection {
  // The journal answers acks=0 like acks=1, so that credit bounds it too; the caller is told when it has left.
  const unanswered = request.acks === 0;
  return {
    streamId: request.streamId,
    shard: request.shard,
    leaderEpoch: request.leaderEpoch ?? -1,
    batch: request.batch,
    acks: unanswered ? 1 : request.acks,
    acknowledgeInMemory: false,
    timeoutMs: request.timeoutMs,
    minRevision,
    traceparent: request.traceparent ?? '',
    elidable: false,
    onSent() {
      if (unanswered) callback(undefined, undefined);
    },
    onOutcome(outcome) {
      if (unanswered) return true;
      callback(fromFailure(outcome.failure), {
        baseOffset: Number(outcome.baseOffset),
        logAppendTimeMs: Number(outcome.logAppendTimeMs),
        logStartOffset: Number(outcome.logStartOffset),
        leaderEpoch: outcome.leaderEpoch,
      });
      return true;
    },
    onBroken(error, sent) {
      if (!unanswered || !sent) callback(error, undefined);
    },
  };
}
