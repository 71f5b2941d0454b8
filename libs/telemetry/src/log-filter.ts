// LogFilter: turns debug logging on at run time for some clients, topics or tenants only, and off again by itself.

import type { Clock } from '@robustmq/runtime';

/** Whom a log line is about. */
export interface LogSubject {
  readonly client_id?: string;
  readonly topic?: string;
  readonly tenant?: string;
}

/** Whom to log in detail. Topics are exact, or end with `#` for all that begin like that. */
export interface LogFilterRules {
  readonly clientIds: readonly string[];
  readonly topics: readonly string[];
  readonly tenants: readonly string[];
}

/** The rules in force and when they end. */
export interface LogFilterState extends LogFilterRules {
  /** Null when no filter is in force. */
  readonly expiresAtMs: number | null;
}

const NO_RULES: LogFilterRules = { clientIds: [], topics: [], tenants: [] };

/** Cheap when off: hot paths ask `isActive` before they build a subject. */
export class LogFilter {
  readonly #clock: Clock;
  readonly #onSwitch: (isActive: boolean) => void;
  #rules: LogFilterRules = NO_RULES;
  #clientIds = new Set<string>();
  #topics = new Set<string>();
  #topicPrefixes: string[] = [];
  #tenants = new Set<string>();
  #expiresAtMs = 0;
  #isActive = false;

  /** `onSwitch` hears when rules come into force and when they end. */
  constructor(clock: Clock, onSwitch: (isActive: boolean) => void = () => undefined) {
    this.#clock = clock;
    this.#onSwitch = onSwitch;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  get state(): LogFilterState {
    this.#endIfExpired();
    return { ...this.#rules, expiresAtMs: this.#isActive ? this.#expiresAtMs : null };
  }

  /** Replaces the rules for `durationMs`; empty rules turn the filter off. */
  set(rules: LogFilterRules, durationMs: number): void {
    this.#rules = rules;
    this.#clientIds = new Set(rules.clientIds);
    this.#tenants = new Set(rules.tenants);
    this.#topics = new Set(rules.topics.filter((topic) => !topic.endsWith('#')));
    this.#topicPrefixes = rules.topics
      .filter((topic) => topic.endsWith('#'))
      .map((topic) => topic.slice(0, -1));
    this.#expiresAtMs = this.#clock.nowMs() + durationMs;
    const isActive = rules.clientIds.length + rules.topics.length + rules.tenants.length > 0;
    if (isActive === this.#isActive) return;
    this.#isActive = isActive;
    this.#onSwitch(isActive);
  }

  /** Whether one of the rules names the subject. */
  matches({ client_id, topic, tenant }: LogSubject): boolean {
    if (!this.#isActive || this.#endIfExpired()) return false;
    if (client_id !== undefined && this.#clientIds.has(client_id)) return true;
    if (tenant !== undefined && this.#tenants.has(tenant)) return true;
    if (topic === undefined) return false;
    return this.#topics.has(topic) || this.#topicPrefixes.some((prefix) => topic.startsWith(prefix));
  }

  /** An operator's filter that nobody takes back must not fill disks. */
  #endIfExpired(): boolean {
    if (this.#isActive && this.#clock.nowMs() >= this.#expiresAtMs) this.set(NO_RULES, 0);
    return !this.#isActive;
  }
}
