// Kafka's rules for topic names.
const LEGAL = /^[a-zA-Z0-9._-]{1,249}$/;

/** Why the name cannot be that of a topic, or undefined. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.' || name === '..') return `'.' and '..' are not allowed`;
  if (name.length > 249) return `the length ${name.length} is longer than the maximum of 249`;
  return LEGAL.test(name)
    ? undefined
    : `'${name}' contains characters other than ASCII letters, digits, '.', '_' and '-'`;
}

/** The topic whose name differs only in '.' and '_', which Kafka tells apart in names but not in its metrics. */
export function collidingTopic(
  name: string,
  topics: Iterable<{ readonly name: string }>,
): string | undefined {
  if (!/[._]/.test(name)) return undefined;
  const folded = name.replaceAll('.', '_');
  for (const topic of topics) {
    if (
      topic.name !== name &&
      topic.name.length === name.length &&
      topic.name.replaceAll('.', '_') === folded
    )
      return topic.name;
  }
  return undefined;
}

/** The stream that owns every MQTT topic without a stream of its own (design section 1). */
export const MQTT_TOPIC = 'mqtt';
