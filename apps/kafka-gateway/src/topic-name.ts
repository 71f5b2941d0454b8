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

/** The stream that owns every MQTT topic without a stream of its own (design section 1). */
export const MQTT_TOPIC = 'mqtt';
