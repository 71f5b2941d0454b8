// The log through journal-client: data over its streams, questions as calls to the leader of each shard.
import { assert, BrokerError } from '@robustmq/errors';
import type { FetchRequest, JournalClient, ProduceRequest } from '@robustmq/journal-client';
import { fromFailure, IsolationLevel } from '@robustmq/rpc';
import { nextTurn, systemTimers } from '@robustmq/runtime';
import type {
  DeleteAnswer,
  DeleteQuery,
  EpochAnswer,
  EpochQuery,
  JournalPort,
  OffsetAnswer,
  OffsetQuery,
} from '../ports.ts';

type ProduceCallback = Parameters<JournalPort['produce']>[1];
type FetchCallback = Parameters<JournalPort['fetch']>[1];
type FetchCall = ReturnType<JournalPort['fetch']>;
type Calls = NonNullable<ReturnType<JournalClient['callsOf']>>;

/** Questions of one call. */
const MAX_QUERIES = 1_000;

/** See the file head. */
export class JournalAdapter implements JournalPort {
  #client: JournalClient | undefined;
  readonly #revision: () => number;

  constructor(revision: () => number) {
    this.#revision = revision;
  }

  /** A new incarnation has a client of its own; what waits at the old one hears `cancelled`. */
  use(client: JournalClient): void {
    this.#client?.close();
    this.#client = client;
  }

  /** Whether the stream to at least one journal is up. */
  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  close(): void {
    this.#client?.close();
  }

  get #current(): JournalClient {
    assert(this.#client !== undefined, 'the gateway serves only once it is registered');
    return this.#client;
  }

  produce(request: ProduceRequest, callback: ProduceCallback): void {
    this.#current.produce(request, callback);
  }

  fetch(request: FetchRequest, callback: FetchCallback): FetchCall {
    return this.#current.fetch(request, callback);
  }

  listOffsets(queries: readonly OffsetQuery[], readCommitted: boolean): Promise<readonly OffsetAnswer[]> {
    const isolation = readCommitted ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
    return this.#askLeaders(
      queries,
      async (calls, own) => {
        const { outcomes } = await calls.listOffsets({
          entries: own.map(({ streamId, shard, currentLeaderEpoch, timestampMs }) => ({
            streamId,
            shard,
            currentLeaderEpoch,
            timestampMs: BigInt(timestampMs),
          })),
          isolation,
          minRevision: BigInt(this.#revision()),
        });
        return outcomes.map((outcome) => ({
          error: fromFailure(outcome.failure),
          offset: Number(outcome.offset),
          timestampMs: Number(outcome.timestampMs),
          leaderEpoch: outcome.leaderEpoch,
        }));
      },
      (error) => ({ error, offset: -1, timestampMs: -1, leaderEpoch: -1 }),
    );
  }

  endOffsetsForEpochs(queries: readonly EpochQuery[]): Promise<readonly EpochAnswer[]> {
    return this.#askLeaders(
      queries,
      async (calls, own) => {
        const { outcomes } = await calls.endOffsetsForEpochs({
          queries: own.map(({ streamId, shard, currentLeaderEpoch, leaderEpoch }) => ({
            streamId,
            shard,
            currentLeaderEpoch,
            leaderEpoch,
          })),
          minRevision: BigInt(this.#revision()),
        });
        return outcomes.map((outcome) => ({
          error: fromFailure(outcome.failure),
          leaderEpoch: outcome.leaderEpoch,
          endOffset: Number(outcome.endOffset),
        }));
      },
      (error) => ({ error, leaderEpoch: -1, endOffset: -1 }),
    );
  }

  deleteRecords(queries: readonly DeleteQuery[]): Promise<readonly DeleteAnswer[]> {
    return this.#askLeaders(
      queries,
      async (calls, own) => {
        const { outcomes } = await calls.deleteRecords({
          before: own.map(({ streamId, shard, beforeOffset }) => ({
            streamId,
            shard,
            leaderEpoch: -1,
            offset: BigInt(beforeOffset),
          })),
        });
        return outcomes.map((outcome) => ({
          error: fromFailure(outcome.failure),
          logStartOffset: Number(outcome.logStartOffset),
        }));
      },
      (error) => ({ error, logStartOffset: -1 }),
    );
  }

  /** Answers in the order asked. Long lists are asked for in parts, since each is one message and one turn of both ends (N8). */
  async #askLeaders<Q extends { readonly streamId: number; readonly shard: number }, A>(
    queries: readonly Q[],
    ask: (calls: Calls, own: readonly Q[]) => Promise<readonly A[]>,
    failed: (error: BrokerError) => A,
  ): Promise<A[]> {
    if (queries.length <= MAX_QUERIES) return this.#askPart(queries, ask, failed);
    const answers: A[] = [];
    for (let at = 0; at < queries.length; at += MAX_QUERIES) {
      const part = await this.#askPart(queries.slice(at, at + MAX_QUERIES), ask, failed);
      for (const answer of part) answers.push(answer);
      await nextTurn(systemTimers);
    }
    return answers;
  }

  /** One call per leader; a leader that cannot be asked fails its own questions only. */
  async #askPart<Q extends { readonly streamId: number; readonly shard: number }, A>(
    queries: readonly Q[],
    ask: (calls: Calls, own: readonly Q[]) => Promise<readonly A[]>,
    failed: (error: BrokerError) => A,
  ): Promise<A[]> {
    const unasked = failed(new BrokerError('not_leader', 'the shard has no reachable leader'));
    const answers = queries.map(() => unasked);
    const byLeader = new Map<Calls, number[]>();
    queries.forEach(({ streamId, shard }, index) => {
      const calls = this.#current.callsOf(streamId, shard);
      if (calls === undefined) return;
      const indexes = byLeader.get(calls);
      if (indexes === undefined) byLeader.set(calls, [index]);
      else indexes.push(index);
    });
    await Promise.all(
      [...byLeader].map(async ([calls, indexes]) => {
        const own = indexes.map((index) => queries[index] as Q);
        try {
          const got = await ask(calls, own);
          indexes.forEach((index, at) => {
            const answer = got[at];
            if (answer !== undefined) answers[index] = answer;
          });
        } catch (error) {
          const answer = failed(BrokerError.from(error));
          for (const index of indexes) answers[index] = answer;
        }
      }),
    );
    return answers;
  }
}
