// What a request to change a topic's configuration comes to: settings to make and settings to remove.
import type { NamedError } from './named-error.ts';
import type { TopicView } from './ports.ts';
import { isBrokerThrottle, isKafkaDefault, isNeverSet } from './kafka-defaults.ts';
import { meantValue, TOPIC_CONFIG, topicConfigProblem } from './topic-config.ts';

/** Kafka's numbers of the operations of IncrementalAlterConfigs. */
const OPERATION = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

/** Settings to make and to remove. */
export interface ConfigChange {
  readonly set: Record<string, string>;
  readonly remove: string[];
}

interface Setting {
  readonly name: string;
  readonly value: string | null;
}

/** The change that IncrementalAlterConfigs asks for, or why it is refused. */
export function incrementalChange(
  topic: TopicView,
  configs: readonly (Setting & { readonly configOperation: number })[],
): ConfigChange | NamedError {
  const change: ConfigChange = { set: {}, remove: [] };
  const seen = new Set<string>();
  for (const { name, configOperation, value } of configs) {
    if (seen.has(name)) return namedTwice(name);
    seen.add(name);
    if (configOperation === OPERATION.DELETE) {
      if (!isUnset(topic, name)) change.remove.push(name);
      continue;
    }
    const result = newValue(topic, name, configOperation, value);
    if (typeof result !== 'string') return result;
    if (!changesNothing(topic, name, result)) change.set[name] = result;
  }
  return checked(change);
}

/** Of a broker: whether all that is asked for is to end throttles, which tools do behind each reassignment. */
export function removesOnlyThrottles(
  configs: readonly { readonly name: string; readonly configOperation: number }[],
): boolean {
  return configs.every(
    ({ name, configOperation }) => configOperation === OPERATION.DELETE && isBrokerThrottle(name),
  );
}

/** Removing what has no value of its own is done already; a name that nobody knows is still an error. */
function isUnset(topic: TopicView, name: string): boolean {
  return isNeverSet(name) || (TOPIC_CONFIG.has(name) && topic.config[name] === undefined);
}

/** Whoever sends back what was described sends what is fixed as well, and Kafka's defaults. */
function changesNothing(topic: TopicView, name: string, value: string): boolean {
  const isFixed = TOPIC_CONFIG.get(name)?.alterable === false;
  return (isFixed && value === currentValue(topic, name)) || isKafkaDefault(name, value);
}

/** The change that AlterConfigs asks for: what it does not name goes back to its default. */
export function replacingChange(topic: TopicView, configs: readonly Setting[]): ConfigChange | NamedError {
  const change: ConfigChange = { set: {}, remove: [] };
  const seen = new Set<string>();
  for (const { name, value } of configs) {
    if (seen.has(name)) return namedTwice(name);
    seen.add(name);
    if (value === null) return setToNull(name);
    const meant = meantValue(name, value);
    if (!changesNothing(topic, name, meant)) change.set[name] = meant;
  }
  for (const name of Object.keys(topic.config)) {
    if (!seen.has(name) && TOPIC_CONFIG.get(name)?.alterable === true) change.remove.push(name);
  }
  return checked(change);
}

function currentValue(topic: TopicView, name: string): string {
  return topic.config[name] ?? topic.defaults[name] ?? TOPIC_CONFIG.get(name)?.default ?? '';
}

function newValue(
  topic: TopicView,
  name: string,
  operation: number,
  value: string | null,
): string | NamedError {
  if (value === null) return setToNull(name);
  if (operation === OPERATION.SET) return meantValue(name, value);
  const isList = TOPIC_CONFIG.get(name)?.type === 'LIST';
  if (!isList || (operation !== OPERATION.APPEND && operation !== OPERATION.SUBTRACT)) {
    return {
      name: 'INVALID_CONFIG',
      message: `topic configuration ${name} cannot be changed by operation ${operation}`,
    };
  }
  const before = itemsOf(currentValue(topic, name));
  const items = itemsOf(value);
  const after =
    operation === OPERATION.APPEND
      ? [...new Set([...before, ...items])]
      : before.filter((item) => !items.includes(item));
  return after.join(',');
}

function itemsOf(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function namedTwice(name: string): NamedError {
  return { name: 'INVALID_REQUEST', message: `topic configuration ${name} is named twice` };
}

function setToNull(name: string): NamedError {
  return { name: 'INVALID_REQUEST', message: `topic configuration ${name} is set to null` };
}

function checked(change: ConfigChange): ConfigChange | NamedError {
  const problem = topicConfigProblem(change.set, true) ?? removeProblem(change.remove);
  return problem === undefined ? change : { name: 'INVALID_CONFIG', message: problem };
}

function removeProblem(names: readonly string[]): string | undefined {
  for (const name of names) {
    const key = TOPIC_CONFIG.get(name);
    if (key === undefined) return `topic configuration ${name} is not supported`;
    if (!key.alterable) return `topic configuration ${name} is fixed at creation`;
  }
  return undefined;
}
