// Who owns an MQTT topic, and when a new owner is active (rules O1, O2).
import { BrokerError } from '@robustmq/errors';
import { OwnerTable, topicFilterProblem } from '@robustmq/mqtt-topics';
import { ServiceKind, type AcknowledgeOwnershipRequest, type Stream } from '@robustmq/rpc';
import type { ClusterRows, ClusterState } from './cluster-state.ts';
import { liveNode } from './live-node.ts';

/**
 * The filter that a new stream gets when it names none. A default never makes a creation fail: a name that is no topic, or
 * one that another stream owns, simply owns nothing.
 */
export function defaultFilter(state: ClusterState, tenant: string, name: string): string {
  const isLegal = !name.startsWith('__') && !name.startsWith('$') && topicFilterProblem(name) === undefined;
  return isLegal && filterConflict(state, tenant, name) === undefined ? name : '';
}

/** The stream in the way of a filter: equal, or overlapping without containment. */
export function filterConflict(
  state: ClusterState,
  tenant: string,
  filter: string,
): { readonly filter: string; readonly owner: Stream } | undefined {
  const owners = new OwnerTable<Stream>();
  for (const stream of state.streams.values()) {
    if (stream.tenant === tenant && stream.mqttFilter !== '') owners.set(stream.mqttFilter, stream);
  }
  return owners.conflict(filter);
}

/** @throws BrokerError `invalid_argument` for a filter that is none, `conflict` naming the stream in its way. */
export function checkFilter(state: ClusterState, tenant: string, filter: string): void {
  if (filter === '') return;
  const problem = topicFilterProblem(filter);
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
  const conflict = filterConflict(state, tenant, filter);
  if (conflict === undefined) return;
  throw new BrokerError(
    'conflict',
    `mqtt.filter '${filter}' overlaps '${conflict.filter}' of stream ${conflict.owner.name}, and neither contains the other`,
  );
}

/** A gateway routes by an epoch. */
export function acknowledgeOwnership(
  state: ClusterState,
  rows: ClusterRows,
  request: AcknowledgeOwnershipRequest,
): void {
  const node = liveNode(state, request.node);
  if (request.ownershipEpoch > state.meta.ownershipEpoch)
    throw new BrokerError('out_of_range', 'that ownership epoch does not exist yet');
  if (request.ownershipEpoch <= node.ownershipEpoch) return;
  node.ownershipEpoch = request.ownershipEpoch;
  rows.nodes.add(node.identity?.nodeId ?? '');
  settleOwnership(state, rows);
}

/** Activates the streams by whose epoch every live mqtt-gateway routes. */
export function settleOwnership(state: ClusterState, rows: ClusterRows): void {
  let reached = state.meta.ownershipEpoch;
  for (const node of state.nodes.values()) {
    if (node.live && node.kind === ServiceKind.MQTT_GATEWAY && node.ownershipEpoch < reached)
      reached = node.ownershipEpoch;
  }
  for (const stream of state.streams.values()) {
    if (stream.ownershipActive || stream.ownershipEpoch > reached) continue;
    stream.ownershipActive = true;
    rows.streams.add(stream.streamId);
  }
}
