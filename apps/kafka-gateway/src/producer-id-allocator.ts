// Hands out producer ids from blocks that meta gave to this gateway, so that InitProducerId costs no round trip.
import type { TopicCommandsPort } from './ports.ts';

const BLOCK_SIZE = 1_000;

/** See the file head. Ids of a block that was not used up are lost at a stop; they are never given twice. */
export class ProducerIdAllocator {
  readonly #topics: Pick<TopicCommandsPort, 'allocateProducerIds'>;
  #next = 0;
  #end = 0;
  #refill: Promise<void> | undefined;

  constructor(topics: Pick<TopicCommandsPort, 'allocateProducerIds'>) {
    this.#topics = topics;
  }

  /** A new producer id. @throws BrokerError when meta cannot give a block */
  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#refill ??= this.#fetchBlock();
      await this.#refill;
    }
    const id = this.#next;
    this.#next += 1;
    return id;
  }

  async #fetchBlock(): Promise<void> {
    try {
      const { base, count } = await this.#topics.allocateProducerIds(BLOCK_SIZE);
      this.#next = base;
      this.#end = base + count;
    } finally {
      this.#refill = undefined;
    }
  }
}
