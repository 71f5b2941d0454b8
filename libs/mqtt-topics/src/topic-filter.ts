// What a Topic Filter may be [MQTT-4.7], plain and shared.

import { commonProblem, type TopicProblem } from './topic-name.ts';

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/** A shared subscription's parts [MQTT-4.8.2]. */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

/** Checks and parts of a Topic Filter. */
export const topicFilter = {
  /** Filters that a session may have: gateways are not configured to allow more, and meta-service refuses more (N13). */
  maxPerSession: 10_000,

  /** Problem of a Topic Filter (without `$share` handling), or undefined [MQTT-4.7.1-1, MQTT-4.7.1-2]. */
  problem(filter: string): TopicProblem | undefined {
    const shared = commonProblem(filter);
    if (shared !== undefined) return shared;
    for (let i = 0; i < filter.length; i++) {
      const c = filter.charCodeAt(i);
      if (c !== PLUS && c !== HASH) continue;
      const startsLevel = i === 0 || filter.charCodeAt(i - 1) === SLASH;
      const endsLevel = i === filter.length - 1 || (c === PLUS && filter.charCodeAt(i + 1) === SLASH);
      if (!startsLevel || !endsLevel) return 'misplaced_wildcard';
    }
    return undefined;
  },

  /** Whether a filter has wildcards. */
  hasWildcard(filter: string): boolean {
    return filter.includes('+') || filter.includes('#');
  },

  /**
   * The parts of `$share/<group>/<filter>`; undefined when it is no shared subscription; `bad_share` when it is malformed:
   * an empty group, or one with wildcards, or no filter [MQTT-4.8.2-1, MQTT-4.8.2-2].
   */
  parseShared(filter: string): SharedFilter | 'bad_share' | undefined {
    if (filter !== '$share' && !filter.startsWith('$share/')) return undefined;
    const slash = filter.indexOf('/', 7);
    if (slash < 0) return 'bad_share';
    const group = filter.slice(7, slash);
    const rest = filter.slice(slash + 1);
    return group === '' || topicFilter.hasWildcard(group) || rest === ''
      ? 'bad_share'
      : { group, filter: rest };
  },
} as const;
