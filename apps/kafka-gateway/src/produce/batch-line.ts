// BatchLine: the batches of one connection on their way through the check, first in, first out (rule K1): a batch that is
// inflated holds up those behind it, so that a producer's order survives, whatever each of them costs.
import type { NamedError } from '../named-error.ts';
import type { BatchRules } from './batch-check.ts';
import type { CheckShare } from './check-share.ts';
import { checkLarge, checkSmall, LATER } from './record-check.ts';

/** Hears once why the batch is refused, or undefined when it is sound. Must not throw. */
export type Checked = (problem: NamedError | undefined) => void;

interface WaitingBatch {
  readonly records: Buffer;
  readonly rules: BatchRules;
  readonly checked: Checked;
}

/** See the file head. */
export class BatchLine {
  readonly #share: CheckShare;
  readonly #waiting: WaitingBatch[] = [];
  #isRunning = false;

  constructor(share: CheckShare) {
    this.#share = share;
  }

  /** Checks a batch whose header is sound; `checked` is called before that of any later batch, often at once. */
  check(records: Buffer, rules: BatchRules, checked: Checked): void {
    if (!this.#isRunning && !this.#share.isSpent) {
      const problem = checkSmall(records, rules);
      if (problem !== LATER) {
        checked(problem);
        return;
      }
    }
    this.#share.memory.add(records.length);
    this.#waiting.push({ records, rules, checked });
    if (!this.#isRunning) void this.#run();
  }

  /** Never rejects: a problem with a batch is an answer. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { records, rules, checked } = next;
      let problem: NamedError | undefined;
      try {
        problem = await this.#checkNext(records, rules);
      } catch {
        problem = { name: 'UNKNOWN_SERVER_ERROR', message: 'the batch cannot be checked' };
      }
      this.#share.memory.add(-records.length);
      checked(problem);
    }
    this.#isRunning = false;
  }

  #checkNext(records: Buffer, rules: BatchRules): Promise<NamedError | undefined> | NamedError | undefined {
    const problem = this.#share.isSpent ? LATER : checkSmall(records, rules);
    return problem === LATER ? checkLarge(records, rules, this.#share) : problem;
  }
}
