// A durable subscriber under fault: one session that outlives every crash, and what it was delivered, in order (I5).
import { waitUntil } from '@robustmq/testkit/cluster';
import mqtt, { type MqttClient } from 'mqtt';

import { contradictions, type LedgerEntry } from './ledger.ts';

const DELIVERY_TIMEOUT_MS = 90_000;

/** QoS 1 subscriber with a session that never expires during a test. Its client connects again by itself. */
export class DurableSubscriber {
  /** Everything delivered, repeats included. */
  readonly values: string[] = [];
  readonly #seen = new Set<string>();
  /** Problems that no fault of a broker excuses. */
  readonly complaints: string[] = [];
  readonly #client: MqttClient;
  #connections = 0;

  private constructor(port: number, clientId: string) {
    this.#client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      clientId,
      clean: false,
      // The session has the subscription: a client that asks again would hide that it was lost.
      resubscribe: false,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 3_600, receiveMaximum: 500 },
      reconnectPeriod: 50,
      connectTimeout: 2_000,
      // Otherwise a CONNACK of an incarnation whose lease has just ended is the last thing that it hears.
      reconnectOnConnackError: true,
    });
    this.#client.on('error', () => undefined);
    this.#client.on('connect', ({ sessionPresent }) => {
      this.#connections += 1;
      if (this.#connections > 1 && !sessionPresent) this.complaints.push('its session was lost');
    });
    this.#client.on('message', (_topic, payload) => {
      const value = payload.toString();
      this.values.push(value);
      this.#seen.add(value);
    });
  }

  /** Subscribed when it resolves: what is published from now on belongs to it. */
  static async subscribe(port: number, clientId: string, topic: string): Promise<DurableSubscriber> {
    const subscriber = new DurableSubscriber(port, clientId);
    await subscriber.#client.subscribeAsync(topic, { qos: 1 });
    return subscriber;
  }

  /** Connections so far: each after the first went on with the session. */
  get connections(): number {
    return this.#connections;
  }

  /** Waits until all that was acknowledged has come; answers what is wrong with what came. Repeats are at least once. */
  async judge(ledger: readonly LedgerEntry[]): Promise<string[]> {
    const entries = ledger.map((entry) => ({ ...entry, mayRepeat: true }));
    const isMissing = (): boolean =>
      entries.some(({ name, acknowledged }) =>
        [...acknowledged].some((number) => !this.#seen.has(`${name}:${number}`)),
      );
    try {
      await waitUntil('everything is delivered', DELIVERY_TIMEOUT_MS, () => !isMissing());
    } catch (error) {
      this.complaints.push(String(error));
    }
    return [...this.complaints, ...contradictions(entries, this.values).map((each) => `subscriber: ${each}`)];
  }

  async stop(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
