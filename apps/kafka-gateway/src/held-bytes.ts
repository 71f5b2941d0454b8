// HeldBytes: what one connection holds of the memory for requests and of that for answers, as the budgets know it.
import type { AnswerMemory } from './answer-memory.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Above the stream's own high-water mark, so that a `drain` follows. */
const SMALL_ANSWER_BYTES = 64 * 1024;

/** See the file head. */
export class HeldBytes {
  readonly #requests: MemoryBudget;
  readonly #answers: AnswerMemory;
  #requestBytes = 0;
  #unreadBytes = 0;
  /** Bytes that had gone either way at the last {@link isStalled}; -1: nothing was unread then. */
  #movedAtCheck = -1;

  constructor(requests: MemoryBudget, answers: AnswerMemory) {
    this.#requests = requests;
    this.#answers = answers;
  }

  /** Of requests that came and are not answered. */
  get requestBytes(): number {
    return this.#requestBytes;
  }

  /** Of large answers that the client has not taken. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Tells the budgets what is held now. */
  account(requestBytes: number, unsentBytes: number): void {
    this.#requests.add(requestBytes - this.#requestBytes);
    this.#requestBytes = requestBytes;
    // Nothing tells when the last small answer is taken, so that only large ones are counted.
    const unreadBytes = unsentBytes < SMALL_ANSWER_BYTES ? 0 : unsentBytes;
    if (unreadBytes !== this.#unreadBytes) this.#answers.hold(unreadBytes - this.#unreadBytes);
    this.#unreadBytes = unreadBytes;
  }

  /** Whether the client leaves answers unread and has moved next to nothing since the last call. */
  isStalled(movedBytes: number): boolean {
    const wasUnread = this.#movedAtCheck >= 0;
    const hasMoved = movedBytes - this.#movedAtCheck >= SMALL_ANSWER_BYTES;
    this.#movedAtCheck = this.#unreadBytes > 0 ? movedBytes : -1;
    return wasUnread && this.#unreadBytes > 0 && !hasMoved;
  }

  /** Gives everything back: the connection is gone. */
  release(): void {
    this.account(0, 0);
  }
}
