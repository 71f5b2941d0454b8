// What the journal-servers say of themselves: shards that serve nothing, a disk that is nearly full. Asked of all at once, at most once a second however often
// somebody wants to know, so that the open health page is no lever.
import type { HealthProblem } from './ports.ts';

/** A live journal-server. */
export interface JournalAddress {
  readonly nodeId: string;
  readonly address: string;
}

/** A shard that serves nothing on a journal-server, and why. */
export interface FailedShard {
  readonly streamId: number;
  readonly shard: number;
  readonly reason: string;
}

/** What a journal-server says is wrong with it. */
export interface JournalTroubles {
  readonly failedShards: readonly FailedShard[];
  /** Its disk is nearly full, so that it refuses every append. */
  readonly diskIsFull: boolean;
}

/** What {@link JournalHealth} asks. */
export interface JournalHealthHost {
  journals(): readonly JournalAddress[];
  /** Fails when there is no answer in time. */
  troublesOf(journal: JournalAddress): Promise<JournalTroubles>;
  nowMs(): number;
}

/** An answer is that old at most. */
const MAX_AGE_MS = 1_000;
/** Shards that are named of one journal-server; the rest is a number. */
const MAX_NAMED = 10;

/** See the file head. */
export class JournalHealth {
  readonly #host: JournalHealthHost;
  #known: readonly HealthProblem[] = [];
  #knownAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<readonly HealthProblem[]> | undefined;

  constructor(host: JournalHealthHost) {
    this.#host = host;
  }

  /** Problems of all live journal-servers; one that does not answer is one. */
  problems(): Promise<readonly HealthProblem[]> {
    if (this.#host.nowMs() - this.#knownAtMs <= MAX_AGE_MS) return Promise.resolve(this.#known);
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<readonly HealthProblem[]> {
    // As old as the question: what is answered was true after it at the earliest.
    const askedAtMs = this.#host.nowMs();
    const found = await Promise.all(this.#host.journals().map((journal) => this.#problemsOf(journal)));
    this.#known = found.flat();
    this.#knownAtMs = askedAtMs;
    return this.#known;
  }

  async #problemsOf(journal: JournalAddress): Promise<HealthProblem[]> {
    const { nodeId } = journal;
    try {
      const { failedShards, diskIsFull } = await this.#host.troublesOf(journal);
      const problems = quarantineProblems(nodeId, failedShards);
      if (diskIsFull) problems.push({ name: 'disk', detail: `${nodeId}: nearly full, appends are refused` });
      return problems;
    } catch {
      return [{ name: 'journal', detail: `${nodeId} does not answer` }];
    }
  }
}

function quarantineProblems(nodeId: string, failed: readonly FailedShard[]): HealthProblem[] {
  const named: HealthProblem[] = failed.slice(0, MAX_NAMED).map(({ streamId, shard, reason }) => ({
    name: 'quarantine',
    detail: `${nodeId}: shard ${shard} of stream ${streamId}: ${reason}`,
  }));
  const more = failed.length - named.length;
  if (more > 0) named.push({ name: 'quarantine', detail: `${nodeId}: ${more} more shards` });
  return named;
}
