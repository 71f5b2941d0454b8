// How filters relate as sets of topics: which streams may hold what a subscription wants, and who owns a topic (rules O1, O2).

/** Whether some Topic Name matches both filters. */
export function intersects(a: string, b: string): boolean {
  const x = a.split('/');
  const y = b.split('/');
  // A leading wildcard matches no `$` topic [MQTT-4.7.2-1], so it can't meet a filter whose first level is one.
  if (isWildcard(x[0]) && y[0]?.startsWith('$') === true) return false;
  if (isWildcard(y[0]) && x[0]?.startsWith('$') === true) return false;
  for (let i = 0; ; i++) {
    const l = x[i];
    const r = y[i];
    if (l === '#' || r === '#') return true;
    if (l === undefined && r === undefined) return true;
    // `a/#` matches `a`: one more level, if it is `#`, was handled above.
    if (l === undefined || r === undefined) return false;
    if (l !== r && l !== '+' && r !== '+') return false;
  }
}

/** Whether every Topic Name that `inner` matches is matched by `outer`. */
export function contains(outer: string, inner: string): boolean {
  const x = outer.split('/');
  const y = inner.split('/');
  if (isWildcard(x[0]) && y[0]?.startsWith('$') === true) return false;
  for (let i = 0; ; i++) {
    const l = x[i];
    const r = y[i];
    if (l === '#') return true;
    if (l === undefined) return r === undefined;
    if (r === undefined || r === '#') return false;
    if (l === '+') continue;
    if (l !== r) return false;
  }
}

/** Whether two filters share topics although neither contains the other: such owners are refused (rule O1). */
export function overlapsWithoutContainment(a: string, b: string): boolean {
  return intersects(a, b) && !contains(a, b) && !contains(b, a);
}

function isWildcard(level: string | undefined): boolean {
  return level === '+' || level === '#';
}
