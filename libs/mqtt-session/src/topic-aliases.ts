// Topic Aliases of one connection, each direction on its own (section 3.3.2.3.4).

import { protocolError, REASON } from '@robustmq/mqtt-codec';

/** Aliases that the client sets, 1 to the maximum that CONNACK announced. */
export class InboundTopicAliases {
  readonly #maximum: number;
  #topics: (string | undefined)[] | null = null;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /**
   * The topic of a PUBLISH with an alias: sets the alias when the packet has a topic, else looks it up.
   * @throws BrokerError malformed, reason code 0x94 for an alias out of range, 0x82 for one that was never set.
   */
  resolve(alias: number, topic: string): string {
    if (alias === 0 || alias > this.#maximum) {
      throw protocolError(
        `Topic Alias ${alias} is not 1..${this.#maximum} [MQTT-3.3.2-9]`,
        REASON.topicAliasInvalid,
      );
    }
    this.#topics ??= new Array<string | undefined>(this.#maximum + 1).fill(undefined);
    if (topic !== '') {
      this.#topics[alias] = topic;
      return topic;
    }
    const known = this.#topics[alias];
    if (known === undefined) throw protocolError(`Topic Alias ${alias} was never set`);
    return known;
  }
}

/**
 * Aliases that the server sets, up to what the client's CONNECT allows [MQTT-3.1.2-26] [MQTT-3.1.2-27]. The first topics
 * keep theirs for the connection: devices receive few topics, and replacing would send the long form again and again.
 */
export class OutboundTopicAliases {
  readonly #maximum: number;
  #aliases: Map<string, number> | null = null;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The alias that the client knows for `topic`, or 0: then the topic is sent. */
  known(topic: string): number {
    return this.#aliases?.get(topic) ?? 0;
  }

  /** The alias that {@link assign} would set next; 0 when none is left. */
  get next(): number {
    const count = this.#aliases?.size ?? 0;
    return count >= this.#maximum ? 0 : count + 1;
  }

  /** Sets the next alias, which is sent with `topic` once; 0 when none is left. */
  assign(topic: string): number {
    const alias = this.next;
    if (alias !== 0) (this.#aliases ??= new Map()).set(topic, alias);
    return alias;
  }
}
