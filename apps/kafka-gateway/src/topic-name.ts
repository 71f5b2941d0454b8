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

/**
 * Names by what Kafka's metrics call them, where '.' and '_' are the same: two names that differ only there collide. Kept up
 * to date as topics come and go, since looking at all of them would make each creation dearer than the last (N8).
 */
export class CollidingNames {
  /** Only names with one of the two; a name may be there twice while its topic is replaced. */
  readonly #byFolded = new Map<string, string[]>();

  add(name: string): void {
    const folded = foldedName(name);
    if (folded === undefined) return;
    const names = this.#byFolded.get(folded);
    if (names === undefined) this.#byFolded.set(folded, [name]);
    else names.push(name);
  }

  delete(name: string): void {
    const folded = foldedName(name);
    const names = folded === undefined ? undefined : this.#byFolded.get(folded);
    if (folded === undefined || names === undefined) return;
    const index = names.indexOf(name);
    if (index >= 0) names.splice(index, 1);
    if (names.length === 0) this.#byFolded.delete(folded);
  }

  /** Another name that a topic of this name would collide with, or undefined. */
  find(name: string): string | undefined {
    const folded = foldedName(name);
    return folded === undefined ? undefined : this.#byFolded.get(folded)?.find((other) => other !== name);
  }
}

function foldedName(name: string): string | undefined {
  return /[._]/.test(name) ? name.replaceAll('.', '_') : undefined;
}

/** The stream that owns every MQTT topic without a stream of its own (design section 1). */
export const MQTT_TOPIC = 'mqtt';
