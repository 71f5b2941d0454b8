// The filters of a backlog read. A session may have more of them than one read takes, or longer ones than one frame holds;
// fewer filters that match at least as much then stand for them, since what comes is matched again anyway (N13, X5).

import { topicFilter } from '@robustmq/mqtt-topics';

/** Filters of one cover: far fewer than the journal takes in one read. */
export const MAX_COVER_FILTERS = 1_000;
/** Characters of all filters of one cover: a frame holds many reads. */
export const MAX_COVER_CHARS = 64 * 1024;

/** At most as many filters as one read takes, which match whatever any of `filters` matches. */
export function coverOf(
  filters: readonly string[],
  maxFilters = MAX_COVER_FILTERS,
  maxChars = MAX_COVER_CHARS,
): readonly string[] {
  if (fits(filters, maxFilters, maxChars)) return filters;
  for (let levels = 3; levels > 0; levels--) {
    const cover = new Set<string>();
    for (const filter of filters) cover.add(cut(filter, levels));
    if (fits(cover, maxFilters, maxChars)) return [...cover];
  }
  return everything(filters, maxFilters, maxChars);
}

function fits(filters: Iterable<string>, maxFilters: number, maxChars: number): boolean {
  let count = 0;
  let chars = 0;
  for (const filter of filters) {
    count++;
    chars += filter.length;
  }
  return count <= maxFilters && chars <= maxChars;
}

/** The first levels of a filter and all below. */
function cut(filter: string, levels: number): string {
  let end = -1;
  for (let level = 0; level < levels; level++) {
    end = filter.indexOf('/', end + 1);
    if (end < 0) return filter;
  }
  return `${filter.slice(0, end)}/#`;
}

/** `#` leaves out topics that begin with `$` [MQTT-4.7.2-1]: their first levels are named as far as there is room. */
function everything(filters: readonly string[], maxFilters: number, maxChars: number): readonly string[] {
  const cover = new Set(['#']);
  let chars = 1;
  for (const filter of filters) {
    if (!filter.startsWith('$')) continue;
    const first = cut(filter, 1);
    if (cover.has(first)) continue;
    if (cover.size >= maxFilters || chars + first.length > maxChars) break;
    cover.add(topicFilter.hasWildcard(first) ? first : filter);
    chars += first.length;
  }
  return [...cover];
}
