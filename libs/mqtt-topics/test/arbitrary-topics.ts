// Small alphabets, so that random filters and topics meet often.

import fc from 'fast-check';

const literal = fc.constantFrom('a', 'b', '', '$SYS', '$x', 'abc');

export const topicFilter: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.oneof(literal, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, tail]) => [...levels, ...(tail ? ['#'] : [])].join('/'))
  .filter((filter) => filter !== '');

/** The specification's words (section 4.7) with arrays, to compare everything else with. */
export function naiveMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const levels = topic.split('/');
  const wanted = filter.split('/');
  for (let index = 0; index < wanted.length; index++) {
    if (wanted[index] === '#') return true;
    if (index >= levels.length) return false;
    if (wanted[index] !== '+' && wanted[index] !== levels[index]) return false;
    if (index === levels.length - 1 && wanted[index + 1] === '#') return true;
  }
  return wanted.length === levels.length;
}

/** Every topic of up to `depth` levels over a small alphabet: enough to tell apart filters of fewer levels. */
export function allTopics(depth: number): string[] {
  const names = ['a', 'b', 'abc', '', '$SYS', '$x', 'other'];
  const found: string[] = [];
  const extend = (prefix: string[]): void => {
    if (prefix.length > 0 && prefix.join('/') !== '') found.push(prefix.join('/'));
    if (prefix.length < depth) for (const name of names) extend([...prefix, name]);
  };
  extend([]);
  return found;
}
