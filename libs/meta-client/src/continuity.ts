// Whether a snapshot goes on from what a view holds. One that does not shows a cluster whose state went back (a member that
// was restored from an older copy) or another cluster: what is missing in it was not deleted (N2).
import { toNumber, type StreamView } from './model.ts';

/** What a snapshot says, as far as it can be told from what was known. */
export interface SnapshotFacts {
  /** Empty where it is not said. */
  readonly clusterId: string;
  readonly revision: bigint;
  /** 0 where it is not said. */
  readonly nextStreamId: number;
  readonly streams: Iterable<StreamView>;
}

/** What the view holds. */
export interface KnownFacts {
  readonly clusterId: string;
  readonly revision: number;
  readonly streams: ReadonlyMap<number, StreamView>;
}

/** Why the snapshot cannot follow what is known, in words for an operator; undefined when it can. */
export function discontinuity(known: KnownFacts, snapshot: SnapshotFacts): string | undefined {
  if (known.revision === 0) return undefined;
  if (known.clusterId !== '' && snapshot.clusterId !== '' && snapshot.clusterId !== known.clusterId)
    return `meta-service serves cluster ${snapshot.clusterId}, this process belongs to ${known.clusterId}`;
  const revision = toNumber(snapshot.revision);
  if (revision < known.revision)
    return `the state of the cluster went back: revision ${revision} after ${known.revision}`;
  for (const streamId of known.streams.keys()) {
    if (snapshot.nextStreamId > 0 && streamId >= snapshot.nextStreamId)
      return `the state of the cluster went back: stream id ${streamId} is known, and ${snapshot.nextStreamId} is given next`;
  }
  for (const stream of snapshot.streams) {
    const before = known.streams.get(stream.streamId);
    if (before !== undefined && before.topicId !== stream.topicId)
      return `the state of the cluster went back: stream id ${stream.streamId} was given twice`;
  }
  return undefined;
}
