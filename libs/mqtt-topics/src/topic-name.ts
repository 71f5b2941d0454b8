// What a Topic Name and a Topic Filter may be [MQTT-4.7]. UTF-8 itself is checked by the codec.

/** MQTT's own bound on a string [MQTT-1.5.4]. */
export const MAX_TOPIC_BYTES = 65_535;

/** Deep topics cost CPU per level in every trie: one level per 512 bytes of the maximum is plenty. */
export const MAX_TOPIC_LEVELS = 128;

/** Why a topic is refused. */
export type TopicProblem =
  'empty' | 'too_long' | 'too_deep' | 'null_character' | 'wildcard' | 'misplaced_wildcard' | 'bad_share';

/** Problem of a Topic Name, or undefined: at least one character, no wildcards, no U+0000 [MQTT-4.7.3-1, MQTT-3.3.2-2, MQTT-4.7.3-2]. */
export function topicNameProblem(topic: string): TopicProblem | undefined {
  const shared = commonProblem(topic);
  if (shared !== undefined) return shared;
  return topic.includes('+') || topic.includes('#') ? 'wildcard' : undefined;
}

/** Problem of a Topic Filter (without `$share` handling), or undefined [MQTT-4.7.1-1, MQTT-4.7.1-2]. */
export function topicFilterProblem(filter: string): TopicProblem | undefined {
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
}

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

function commonProblem(text: string): TopicProblem | undefined {
  if (text.length === 0) return 'empty';
  // Up to three bytes per UTF-16 unit: only a string that could exceed the bound is measured.
  if (text.length > MAX_TOPIC_BYTES / 3 && Buffer.byteLength(text) > MAX_TOPIC_BYTES) return 'too_long';
  let levels = 1;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === SLASH) levels++;
    else if (c === 0) return 'null_character';
  }
  return levels > MAX_TOPIC_LEVELS ? 'too_deep' : undefined;
}

/** Whether a Topic Name or Filter lies under `$SYS`, which belongs to no stream and is not for clients to publish (rule O5). */
export function isSystemTopic(topic: string): boolean {
  return topic.startsWith('$SYS') && (topic.length === 4 || topic.charCodeAt(4) === SLASH);
}

/** Whether a filter has wildcards. */
export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#');
}

/** A shared subscription's parts [MQTT-4.8.2]. */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

/**
 * The parts of `$share/<group>/<filter>`; undefined when it is no shared subscription; `bad_share` when it is malformed:
 * an empty group, or one with wildcards, or no filter [MQTT-4.8.2-1, MQTT-4.8.2-2].
 */
export function parseSharedFilter(filter: string): SharedFilter | 'bad_share' | undefined {
  if (filter !== '$share' && !filter.startsWith('$share/')) return undefined;
  const slash = filter.indexOf('/', 7);
  if (slash < 0) return 'bad_share';
  const group = filter.slice(7, slash);
  const rest = filter.slice(slash + 1);
  return group === '' || hasWildcard(group) || rest === '' ? 'bad_share' : { group, filter: rest };
}
