// Relations between filters as sets of topics: which stream owns a topic (rules O1, O2) is decided by them.
// A filter is a prefix of levels and, for `#`, a tail of any length; `#` alone means one level or more. The empty topic, which
// is no Topic Name, counts as one level here: `/#` and `+` are said to meet in it, which errs on the safe side.

/** A filter taken apart once, for those that compare many. */
export class FilterShape {
  readonly filter: string;
  /** Levels before `#`; `+` stands for any level. */
  readonly prefix: readonly string[];
  /** Whether `#` follows. */
  readonly hasTail: boolean;

  constructor(filter: string) {
    const levels = filter.split('/');
    this.filter = filter;
    this.hasTail = levels.at(-1) === '#';
    if (this.hasTail) levels.pop();
    this.prefix = levels.length === 0 ? ['+'] : levels;
  }
}

function shapeOf(filter: string | FilterShape): FilterShape {
  return typeof filter === 'string' ? new FilterShape(filter) : filter;
}

/** A first-level `+` leaves out what starts with `$` [MQTT-4.7.2-1]. */
function plusCovers(level: string, index: number): boolean {
  return index > 0 || !level.startsWith('$');
}

/** Whether some topic matches both filters. */
export function intersects(one: string | FilterShape, other: string | FilterShape): boolean {
  const a = shapeOf(one);
  const b = shapeOf(other);
  if (a.prefix.length > b.prefix.length && !b.hasTail) return false;
  if (b.prefix.length > a.prefix.length && !a.hasTail) return false;
  const shared = Math.min(a.prefix.length, b.prefix.length);
  for (let index = 0; index < shared; index++) {
    const levelA = a.prefix[index]!;
    const levelB = b.prefix[index]!;
    if (levelA === levelB) continue;
    if (levelA === '+' ? !plusCovers(levelB, index) : levelB !== '+' || !plusCovers(levelA, index))
      return false;
  }
  return true;
}

/** Whether every topic that `inner` matches is matched by `outer` as well. */
export function contains(outer: string | FilterShape, inner: string | FilterShape): boolean {
  const a = shapeOf(outer);
  const b = shapeOf(inner);
  if (a.prefix.length > b.prefix.length) return false;
  if (!a.hasTail && (b.hasTail || a.prefix.length < b.prefix.length)) return false;
  for (let index = 0; index < a.prefix.length; index++) {
    const levelA = a.prefix[index]!;
    const levelB = b.prefix[index]!;
    if (levelA !== levelB && (levelA !== '+' || !plusCovers(levelB, index))) return false;
  }
  return true;
}

/** Whether two filters share topics and neither contains the other: no most specific one exists, so rule O1 refuses it. */
export function overlapsWithoutContainment(one: string | FilterShape, other: string | FilterShape): boolean {
  const a = shapeOf(one);
  const b = shapeOf(other);
  return intersects(a, b) && !contains(a, b) && !contains(b, a);
}

/**
 * Orders filters from the most specific to the least: negative when `one` is strictly inside `other`, and a fixed total
 * order for filters that are not nested (level by level: literal before `+`, the end before `#`).
 */
export function compareSpecificity(one: string | FilterShape, other: string | FilterShape): number {
  const a = shapeOf(one);
  const b = shapeOf(other);
  const shared = Math.min(a.prefix.length, b.prefix.length);
  for (let index = 0; index < shared; index++) {
    const levelA = a.prefix[index]!;
    const levelB = b.prefix[index]!;
    if (levelA === levelB) continue;
    if (levelA === '+') return 1;
    if (levelB === '+') return -1;
    return levelA < levelB ? -1 : 1;
  }
  if (a.prefix.length !== b.prefix.length) return b.prefix.length - a.prefix.length;
  return Number(a.hasTail) - Number(b.hasTail);
}
