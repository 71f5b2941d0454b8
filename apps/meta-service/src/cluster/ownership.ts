// Who owns an MQTT topic, and when a new owner is active (rules O1, O2).
import { BrokerError } from '@robustmq/errors';
import { topicFilter } from '@robustmq/mqtt-topics';
import { ServiceKind, type AcknowledgeOwnershipRequest, type Stream } from '@robustmq/rpc';
import type { Steps } from '../steps.ts';
import type { ClusterDraft } from './draft.ts';
import { liveNode } from './live-node.ts';

/**
 * The filter that a new stream gets when it names none. A default never makes a creation fail: a name that is no topic, or
 * one that another stream owns, simply owns nothing.
 */
export function defaultFilter(draft: ClusterDraft, tenant: string, name: string): string {
  const isLegal = !name.startsWith('__') && !name.startsWith('$') && topicFilter.problem(name) === undefined;
  return isLegal && filterConflict(draft, tenant, name) === undefined ? name : '';
}

/** The stream in the way of a filter: equal, or overlapping without containment. */
function filterConflict(
  draft: ClusterDraft,
  tenant: string,
  filter: string,
): { readonly filter: string; readonly owner: Stream } | undefined {
  const found = draft.index.conflict(tenant, filter);
  const owner = found === undefined ? undefined : draft.streams.get(found.owner);
  return found === undefined || owner === undefined ? undefined : { filter: found.filter, owner };
}

/** @throws BrokerError `invalid_argument` for a filter that is none, `conflict` naming the stream in its way. */
export function checkFilter(draft: ClusterDraft, tenant: string, filter: string): void {
  if (filter === '') return;
  const problem = topicFilter.problem(filter);
  if (problem !== undefined)
    throw new BrokerError('invalid_argument', `mqtt.filter '${filter}' is not a topic filter: ${problem}`, {
      details: { field: 'config' },
    });
  if (filter.startsWith('$'))
    throw new BrokerError(
      'invalid_argument',
      `mqtt.filter '${filter}': topics that start with $ belong to no stream`,
      { details: { field: 'config' } },
    );
  const conflict = filterConflict(draft, tenant, filter);
  if (conflict === undefined) return;
  throw new BrokerError(
    'conflict',
    `mqtt.filter '${filter}' overlaps '${conflict.filter}' of stream ${conflict.owner.name}, and neither contains the other`,
  );
}

/** A gateway routes by an epoch. */
export function* acknowledgeOwnership(
  draft: ClusterDraft,
  request: AcknowledgeOwnershipRequest,
): Steps<void> {
  const node = liveNode(draft, request.node);
  if (request.ownershipEpoch > draft.meta.ownershipEpoch)
    throw new BrokerError('out_of_range', 'that ownership epoch does not exist yet');
  if (request.ownershipEpoch <= node.ownershipEpoch) return;
  draft.nodes.put({ ...node, ownershipEpoch: request.ownershipEpoch });
  yield* settleOwnership(draft);
}

/** Activates the streams by whose epoch every live mqtt-gateway routes. */
export function* settleOwnership(draft: ClusterDraft): Steps<void> {
  let reached = draft.meta.ownershipEpoch;
  for (const node of draft.nodes.values()) {
    if (node.live && node.kind === ServiceKind.MQTT_GATEWAY && node.ownershipEpoch < reached)
      reached = node.ownershipEpoch;
  }
  const settle = (stream: Stream | undefined): void => {
    if (stream === undefined || stream.ownershipActive || stream.ownershipEpoch > reached) return;
    draft.streams.put({ ...stream, ownershipActive: true });
  };
  for (const streamId of draft.index.unsettled) {
    yield;
    settle(draft.streams.get(streamId));
  }
  for (const stream of draft.streams.added()) settle(stream);
}
