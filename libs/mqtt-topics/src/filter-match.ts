// One filter against one topic, without splitting strings: the reference that tries and indexes must agree with.

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const DOLLAR = 0x24;

/**
 * Whether a valid Topic Filter matches a valid Topic Name.
 * A filter that starts with a wildcard matches no topic that starts with `$` [MQTT-4.7.2-1];
 * `sport/#` also matches `sport` [MQTT-4.7.1-2].
 */
export function matchesFilter(filter: string, topic: string): boolean {
  const first = filter.charCodeAt(0);
  if ((first === PLUS || first === HASH) && topic.charCodeAt(0) === DOLLAR) return false;
  let f = 0;
  let t = 0;
  for (;;) {
    const c = filter.charCodeAt(f);
    if (c === HASH) return true;
    if (c === PLUS) {
      f++;
      while (t < topic.length && topic.charCodeAt(t) !== SLASH) t++;
    } else {
      while (f < filter.length && filter.charCodeAt(f) !== SLASH) {
        if (t >= topic.length || topic.charCodeAt(t) !== filter.charCodeAt(f)) return false;
        f++;
        t++;
      }
      if (t < topic.length && topic.charCodeAt(t) !== SLASH) return false;
    }
    const filterEnds = f >= filter.length;
    const topicEnds = t >= topic.length;
    if (filterEnds && topicEnds) return true;
    if (filterEnds) return false;
    // The filter goes on. `a/#` matches the parent level `a` itself.
    if (topicEnds) return filter.charCodeAt(f + 1) === HASH && f + 2 === filter.length;
    f++;
    t++;
  }
}
