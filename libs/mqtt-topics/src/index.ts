// Topic names and topic filters of MQTT: what is legal, what matches, who owns a topic.

export { FilterShape, intersects } from './filter-algebra.ts';
export { FilterTrie } from './filter-trie.ts';
export { OwnerTable } from './owner-table.ts';
export { RecentMap } from './recent-map.ts';
export { TopicCache } from './topic-cache.ts';
export { topicFilter } from './topic-filter.ts';
export { topicName } from './topic-name.ts';
