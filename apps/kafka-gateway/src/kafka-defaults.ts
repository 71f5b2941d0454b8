// Topic configurations of Apache Kafka that have no meaning here. Asking for what Kafka does anyway asks for nothing, so
// tools that spell out defaults, or clear what was never set, are not refused; any other value is.

const MAX_LONG = '9223372036854775807';

const DEFAULT_OF: ReadonlyMap<string, string> = new Map([
  ['compression.gzip.level', '-1'],
  ['compression.lz4.level', '9'],
  ['compression.zstd.level', '3'],
  ['delete.retention.ms', '86400000'],
  ['file.delete.delay.ms', '60000'],
  ['flush.messages', MAX_LONG],
  ['flush.ms', MAX_LONG],
  ['follower.replication.throttled.replicas', ''],
  ['index.interval.bytes', '4096'],
  ['leader.replication.throttled.replicas', ''],
  ['local.retention.bytes', '-2'],
  ['local.retention.ms', '-2'],
  ['max.compaction.lag.ms', MAX_LONG],
  ['message.downconversion.enable', 'true'],
  ['min.cleanable.dirty.ratio', '0.5'],
  ['min.compaction.lag.ms', '0'],
  ['preallocate', 'false'],
  ['remote.log.copy.disable', 'false'],
  ['remote.log.delete.on.disable', 'false'],
  ['remote.storage.enable', 'false'],
  ['segment.index.bytes', '10485760'],
  ['segment.jitter.ms', '0'],
  ['unclean.leader.election.enable', 'false'],
]);

/** Limits of a reassignment on its brokers, which tools clear when it is over. */
const BROKER_THROTTLES: ReadonlySet<string> = new Set([
  'follower.replication.throttled.rate',
  'leader.replication.throttled.rate',
  'replica.alter.log.dirs.io.max.bytes.per.second',
]);

/** Whether Kafka has a topic configuration of that name which is never set here. */
export function isNeverSet(name: string): boolean {
  return DEFAULT_OF.has(name);
}

/** Whether this is what Kafka does without being asked. */
export function isKafkaDefault(name: string, value: string | null): boolean {
  return value !== null && DEFAULT_OF.get(name) === value.trim();
}

/** Whether the name limits reassignments on a broker; none is ever set here. */
export function isBrokerThrottle(name: string): boolean {
  return BROKER_THROTTLES.has(name);
}
