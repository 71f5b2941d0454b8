// Topic names and topic filters of MQTT: what is legal, what matches, who owns a topic.

export { FilterShape, intersects } from './filter-algebra.ts';
export { FilterTrie } from './filter-trie.ts';
export { OwnerTable } from './owner-table.ts';
export { RecentMap } from './recent-map.ts';
export { MAX_REMEMBERED_TOPIC_CHARS, TopicCache } from './topic-cache.ts';
export {
  hasWildcard,
  isSystemTopic,
  MAX_TOPIC_LEVELS,
  parseSharedFilter,
  topicFilterProblem,
  topicNameProblem,
} from './topic-name.ts';
