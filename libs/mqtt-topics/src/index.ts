export {
  compareSpecificity,
  contains,
  FilterShape,
  intersects,
  overlapsWithoutContainment,
} from './filter-algebra.ts';
export { matchesFilter } from './filter-match.ts';
export { FilterTrie, type MatchVisitor } from './filter-trie.ts';
export { OwnerTable, type OwnedFilter } from './owner-table.ts';
export { RecentMap } from './recent-map.ts';
export { TopicCache } from './topic-cache.ts';
export {
  hasWildcard,
  isSystemTopic,
  MAX_TOPIC_BYTES,
  MAX_TOPIC_LEVELS,
  parseSharedFilter,
  topicFilterProblem,
  topicNameProblem,
  type SharedFilter,
  type TopicProblem,
} from './topic-name.ts';
