// What the outside world was told, and what it saw: everything that the system answers for (I1 to I5).

import { invariant } from '@robustmq/testkit';

/** One sending of a message; a repeat of the same message is another sending. */
export interface Sending {
  readonly publisher: string;
  readonly number: number;
  readonly attempt: number;
}

/** A message of a publisher. */
interface Published {
  readonly topic: string;
  readonly sentAtMs: number;
  /** The first sending and its repeats. */
  sendings: number;
  acknowledgedAtMs: number | undefined;
}

interface Receipt {
  readonly connection: number;
  /** When the client acknowledged it. */
  acknowledgedAtMs: number | undefined;
}

/** What one durable subscriber may expect. */
interface Subscribed {
  readonly matches: (topic: string) => boolean;
  grantedAtMs: number | undefined;
  /** Sendings received, in order of the first receipt. */
  readonly receipts: Map<string, Receipt>;
  /** Messages received. */
  readonly messages: Set<string>;
  /** The last new message per publisher and topic. */
  readonly newest: Map<string, number>;
}

/** Text of a payload. */
export function payloadOf({ publisher, number, attempt }: Sending): string {
  return `${publisher}:${number}#${attempt}`;
}

/** The sending that a payload names. */
export function sendingOf(payload: string): Sending {
  const parts = /^(.+):(\d+)#(\d+)$/.exec(payload);
  invariant(parts !== null, `a payload that nobody sent: ${payload}`);
  return { publisher: parts[1]!, number: Number(parts[2]), attempt: Number(parts[3]) };
}

/** Whether another stream may become the owner of a topic, which is a boundary of order (O2). */
export function maySwitchOwner(topic: string): boolean {
  return topic.startsWith('orders/');
}

/** The ledger of all MQTT clients of a world. */
export class Ledger {
  readonly #messages = new Map<string, Published>();
  readonly #subscribers = new Map<string, Subscribed>();
  /** When the world was last disturbed: until then anything may be sent again. */
  lastFaultMs = 0;
  /** When the owner of the topics below `orders/` was first told to be deleted. */
  orphanedAtMs = Infinity;
  deliveries = 0;
  redeliveries = 0;

  /** A publisher sent a message, or sent it again. */
  published({ publisher, number }: Sending, topic: string, nowMs: number): void {
    const name = `${publisher}:${number}`;
    const message = this.#messages.get(name);
    if (message === undefined)
      this.#messages.set(name, { topic, sentAtMs: nowMs, sendings: 1, acknowledgedAtMs: undefined });
    else message.sendings++;
  }

  acknowledged({ publisher, number }: Sending, nowMs: number): void {
    const message = this.#messages.get(`${publisher}:${number}`)!;
    message.acknowledgedAtMs ??= nowMs;
  }

  /** Messages that were acknowledged. */
  get acknowledgements(): number {
    let count = 0;
    for (const { acknowledgedAtMs } of this.#messages.values()) if (acknowledgedAtMs !== undefined) count++;
    return count;
  }

  subscriber(name: string, matches: (topic: string) => boolean): void {
    this.#subscribers.set(name, {
      matches,
      grantedAtMs: undefined,
      receipts: new Map(),
      messages: new Set(),
      newest: new Map(),
    });
  }

  granted(name: string, nowMs: number): void {
    this.#subscribers.get(name)!.grantedAtMs ??= nowMs;
  }

  /** A subscriber got a message. */
  delivered(name: string, payload: string, topic: string, dup: boolean, connection: number): void {
    const subscriber = this.#subscribers.get(name)!;
    const sending = sendingOf(payload);
    const message = `${sending.publisher}:${sending.number}`;
    invariant(
      subscriber.matches(topic),
      `${name} got ${payload} on ${topic}, to which it has not subscribed`,
    );
    invariant(this.#messages.get(message)?.topic === topic, `${payload} came on ${topic}`);
    this.deliveries++;
    this.#checkRepeat(name, subscriber.receipts.get(payload), payload, dup, connection);
    if (!subscriber.receipts.has(payload))
      subscriber.receipts.set(payload, { connection, acknowledgedAtMs: undefined });
    if (subscriber.messages.has(message)) return;
    subscriber.messages.add(message);
    const order = `${sending.publisher} ${topic}`;
    const newest = subscriber.newest.get(order) ?? 0;
    invariant(
      sending.number > newest || maySwitchOwner(topic) || this.#isBefore(message, subscriber),
      `I3: ${name} got ${payload} of ${topic} for the first time after ${newest}`,
    );
    subscriber.newest.set(order, Math.max(newest, sending.number));
  }

  /**
   * A copy of what was sent before SUBACK may lie in the log before the subscription begins. Then the next message is the first
   * to come, and behind it a repeat that was appended later, whether the publisher heard of the first copy or not.
   */
  #isBefore(message: string, { grantedAtMs = Infinity }: Subscribed): boolean {
    const { sentAtMs, sendings } = this.#messages.get(message)!;
    return sendings > 1 && sentAtMs <= grantedAtMs;
  }

  #checkRepeat(
    name: string,
    before: Receipt | undefined,
    payload: string,
    dup: boolean,
    connection: number,
  ): void {
    // What still arrives on a connection that the client has given up is no answer to what came since.
    if (before === undefined || connection < before.connection) return;
    this.redeliveries++;
    if (this.#isRerouted(payload)) return;
    invariant(before.connection !== connection, `I5: ${name} got ${payload} twice on one connection`);
    invariant(dup, `S3: ${name} got ${payload} again without DUP`);
    const { acknowledgedAtMs } = before;
    if (acknowledgedAtMs === undefined) return;
    invariant(
      acknowledgedAtMs <= this.lastFaultMs,
      `I5: ${name} got ${payload} again, acknowledged at ${acknowledgedAtMs} with no fault since ${this.lastFaultMs}`,
    );
  }

  /** What was unanswered when its stream was deleted goes to the next owner as well: two records, each of which is owed. */
  #isRerouted(payload: string): boolean {
    const { publisher, number } = sendingOf(payload);
    const { topic, acknowledgedAtMs = Infinity } = this.#messages.get(`${publisher}:${number}`)!;
    return maySwitchOwner(topic) && acknowledgedAtMs >= this.orphanedAtMs;
  }

  /** A subscriber acknowledged a message, and its connection lived on. */
  received(name: string, payload: string, nowMs: number): void {
    this.#subscribers.get(name)!.receipts.get(payload)!.acknowledgedAtMs = nowMs;
  }

  /** What is still owed, in words. @param isExcused topics whose stream went away */
  owed(isExcused: (topic: string, sentAtMs: number) => boolean): string[] {
    const owed: string[] = [];
    for (const [name, { matches, grantedAtMs, messages }] of this.#subscribers) {
      if (grantedAtMs === undefined) continue;
      for (const [message, { topic, sentAtMs, acknowledgedAtMs }] of this.#messages) {
        if (acknowledgedAtMs === undefined || sentAtMs <= grantedAtMs || !matches(topic)) continue;
        if (!messages.has(message) && !isExcused(topic, sentAtMs))
          owed.push(`${message} on ${topic} to ${name}`);
      }
    }
    return owed;
  }

  /** Messages of a publisher that it was told are kept. */
  acknowledgedMessages(): { readonly message: string; readonly topic: string; readonly sentAtMs: number }[] {
    return [...this.#messages]
      .filter(([, { acknowledgedAtMs }]) => acknowledgedAtMs !== undefined)
      .map(([message, { topic, sentAtMs }]) => ({ message, topic, sentAtMs }));
  }
}
