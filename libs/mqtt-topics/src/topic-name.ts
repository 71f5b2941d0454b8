// What a Topic Name may be [MQTT-4.7], and what it shares with a Topic Filter. UTF-8 itself is checked by the codec.

/** MQTT's own bound on a string [MQTT-1.5.4]. */
export const MAX_TOPIC_BYTES = 65_535;

/** Why a topic is refused. */
export type TopicProblem =
  'empty' | 'too_long' | 'too_deep' | 'null_character' | 'wildcard' | 'misplaced_wildcard' | 'bad_share';

const SLASH = 0x2f;

/** Checks of a Topic Name. */
export const topicName = {
  /** Longest in UTF-8. */
  maxBytes: MAX_TOPIC_BYTES,
  /** Deep topics cost CPU per level in every trie: one level per 512 bytes of the maximum is plenty. */
  maxLevels: 128,

  /** Problem of a Topic Name, or undefined: at least one character, no wildcards, no U+0000 [MQTT-4.7.3-1, MQTT-3.3.2-2, MQTT-4.7.3-2]. */
  problem(topic: string): TopicProblem | undefined {
    const shared = commonProblem(topic);
    if (shared !== undefined) return shared;
    return topic.includes('+') || topic.includes('#') ? 'wildcard' : undefined;
  },

  /** Whether a Topic Name or Filter lies under `$SYS`, which belongs to no stream and is not for clients to publish (rule O5). */
  isSystem(topic: string): boolean {
    return topic.startsWith('$SYS') && (topic.length === 4 || topic.charCodeAt(4) === SLASH);
  },
} as const;

/** Problem that a Topic Name and a Topic Filter share. */
export function commonProblem(text: string): TopicProblem | undefined {
  if (text.length === 0) return 'empty';
  // Up to three bytes per UTF-16 unit: only a string that could exceed the bound is measured.
  if (text.length > MAX_TOPIC_BYTES / 3 && Buffer.byteLength(text) > MAX_TOPIC_BYTES) return 'too_long';
  let levels = 1;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === SLASH) levels++;
    else if (c === 0) return 'null_character';
  }
  return levels > topicName.maxLevels ? 'too_deep' : undefined;
}
