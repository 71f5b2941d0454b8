// Topic Aliases of one connection, each direction on its own (section 3.3.2.3.4).

import { BrokerError } from '@robustmq/errors';
import { protocolError, REASON } from '@robustmq/mqtt-codec';

/** Memory for the topics of aliases. All connections take from it together (I8). */
export interface AliasMemory {
  /** Whether this connection may keep so much more; 0: anything at all. */
  hasAliasRoom(moreBytes: number): boolean;
  /** Counts what this connection keeps more, or less. False: there is no room, nothing is counted, and the connection ends. */
  takeAliasBytes(moreBytes: number): boolean;
}

/** A place in a list. */
const SLOT_BYTES = 8;

/** At most; most topics take half. */
function bytesOf(topic: string): number {
  return 2 * topic.length;
}

/** Aliases that the client sets, 1 to the maximum that CONNACK announced. */
export class InboundTopicAliases {
  readonly #maximum: number;
  readonly #memory: AliasMemory;
  #topics: (string | undefined)[] | null = null;

  constructor(maximum: number, memory: AliasMemory) {
    this.#maximum = maximum;
    this.#memory = memory;
  }

  /**
   * The topic of a PUBLISH with an alias: sets the alias when the packet has a topic, else looks it up.
   * @throws BrokerError malformed, reason code 0x94 for an alias out of range, 0x82 for one that was never set; quota_exceeded
   */
  resolve(alias: number, topic: string): string {
    if (alias === 0 || alias > this.#maximum) {
      throw protocolError(
        `Topic Alias ${alias} is not 1..${this.#maximum} [MQTT-3.3.2-9]`,
        REASON.topicAliasInvalid,
      );
    }
    if (topic !== '') {
      this.#set(alias, topic);
      return topic;
    }
    const known = this.#topics?.[alias];
    if (known === undefined) throw protocolError(`Topic Alias ${alias} was never set`);
    return known;
  }

  #set(alias: number, topic: string): void {
    const slots = this.#maximum + 1;
    const known = this.#topics?.[alias] ?? '';
    const moreBytes = bytesOf(topic) - bytesOf(known) + (this.#topics === null ? SLOT_BYTES * slots : 0);
    if (moreBytes !== 0 && !this.#memory.takeAliasBytes(moreBytes))
      throw new BrokerError('quota_exceeded', 'clients keep as many topic aliases as there is memory for');
    this.#topics ??= new Array<string | undefined>(slots).fill(undefined);
    this.#topics[alias] = topic;
  }
}

/**
 * Aliases that the server sets, up to what the client's CONNECT allows [MQTT-3.1.2-26] [MQTT-3.1.2-27]. The first topics
 * keep theirs for the connection: devices receive few topics, and replacing would send the long form again and again.
 */
export class OutboundTopicAliases {
  readonly #maximum: number;
  readonly #memory: AliasMemory;
  #aliases: Map<string, number> | null = null;

  constructor(maximum: number, memory: AliasMemory) {
    this.#maximum = maximum;
    this.#memory = memory;
  }

  /** The alias that the client knows for `topic`, or 0: then the topic is sent. */
  known(topic: string): number {
    return this.#aliases?.get(topic) ?? 0;
  }

  /** The alias that {@link assign} would set next; 0 when none is left. */
  get next(): number {
    const count = this.#aliases?.size ?? 0;
    return count >= this.#maximum || !this.#memory.hasAliasRoom(0) ? 0 : count + 1;
  }

  /**
   * Sets the next alias, which is sent with `topic` once; 0 when none is left. One that there is no memory for is not known
   * afterwards: the client gets it again for another topic.
   */
  assign(topic: string): number {
    const alias = this.next;
    const moreBytes = SLOT_BYTES + bytesOf(topic);
    if (alias !== 0 && this.#memory.hasAliasRoom(moreBytes) && this.#memory.takeAliasBytes(moreBytes))
      (this.#aliases ??= new Map()).set(topic, alias);
    return alias;
  }
}
