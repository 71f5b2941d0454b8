// What operators see: the plain integers of the hot paths, read when somebody scrapes.

import type { InstrumentDefinition, Metrics } from '@robustmq/telemetry';
import type { Gateway } from './gateway.ts';
import type { Serving } from './serving.ts';

type Read = (serving: Serving) => number;

/** A counter of the present incarnation. */
function counter(gateway: Gateway, name: string, help: string, read: Read): InstrumentDefinition {
  return {
    name: `robustmq_mqtt_${name}_total`,
    help,
    read: () => (gateway.serving === null ? 0 : read(gateway.serving)),
  };
}

/** Registers the metrics of a gateway. */
export function registerMetrics(metrics: Metrics, gateway: Gateway): void {
  const { counters } = gateway;
  metrics.registerGauges([
    { name: 'robustmq_mqtt_connections', help: 'Open connections', read: () => counters.open },
    {
      name: 'robustmq_mqtt_sessions',
      help: 'Sessions of connected clients',
      read: () => gateway.serving?.directory.size ?? 0,
    },
    {
      name: 'robustmq_mqtt_filters',
      help: 'Topic filters registered with the journals',
      read: () => gateway.serving?.registry.size ?? 0,
    },
    {
      name: 'robustmq_mqtt_input_bytes',
      help: 'Bytes kept with packets and WebSocket messages that are not complete, and with topic aliases',
      unit: 'By',
      read: () => gateway.inputMemory.usedBytes,
    },
    {
      name: 'robustmq_mqtt_blocked_publishes',
      help: 'Publishes that wait for room in their shard',
      read: () => gateway.serving?.blocked.size ?? 0,
    },
  ]);
  const own: readonly (readonly [keyof typeof counters, string, string])[] = [
    ['accepted', 'connections_accepted', 'Connections accepted'],
    ['refused', 'connections_refused', 'Connections refused by a limit'],
    ['connected', 'connects', 'CONNECT packets accepted'],
    ['protocolErrors', 'protocol_errors', 'Connections ended by an error of the client'],
    ['takenOver', 'takeovers', 'Sessions taken over by a new connection'],
    ['foreignSessions', 'foreign_sessions', "CONNECTs refused because the session is another principal's"],
    ['keepAliveTimeouts', 'keep_alive_timeouts', 'Connections ended by their keep alive'],
    ['outputTimeouts', 'output_timeouts', 'Connections ended because the client took none of its output'],
    [
      'skippedMessages',
      'skipped_messages',
      'QoS 1 messages not sent any more because the client left after each delivery',
    ],
    [
      'resetPlaces',
      'reset_places',
      'Times that a session’s place in a shard was reset: the log had lost what lay there',
    ],
    ['retainIgnored', 'retain_ignored', 'Retained publishes delivered without being stored'],
  ];
  metrics.registerCounters(
    own.map(([key, name, help]) => ({
      name: `robustmq_mqtt_${name}_total`,
      help,
      read: () => counters[key],
    })),
  );
  metrics.registerCounters(failureCounters(gateway));
  metrics.registerCounters(publishCounters(gateway));
  metrics.registerCounters(logCounters(gateway));
}

/** What was refused or given up over all incarnations. */
function failureCounters(gateway: Gateway): InstrumentDefinition[] {
  return [
    {
      name: 'robustmq_mqtt_input_refused_total',
      help: 'Connections ended because all clients together kept too much unfinished input or too many topic aliases',
      read: () => gateway.inputMemory.refused,
    },
    {
      name: 'robustmq_mqtt_unexpected_failures_total',
      help: 'Work given up because of an error that nobody expected: a connection, a record, a run of a timer',
      read: () => gateway.boundary.failures,
    },
    {
      name: 'robustmq_mqtt_logins_denied_total',
      help: 'Logins denied, by reason',
      read: () =>
        Object.entries(gateway.deniedLogins).map(([reason, value]) => ({ value, attributes: { reason } })),
    },
  ];
}

/** What clients published and got. */
function publishCounters(gateway: Gateway): InstrumentDefinition[] {
  const c = (name: string, help: string, read: Read): InstrumentDefinition =>
    counter(gateway, name, help, read);
  return [
    c('publishes_qos0', 'QoS 0 publishes received', (s) => s.publisher.counters.receivedQos0),
    c('publishes_qos1', 'QoS 1 publishes received', (s) => s.publisher.counters.receivedQos1),
    c('appended', 'Publishes appended to a shard', (s) => s.publisher.counters.appended),
    c('append_failures', 'Publishes that could not be appended', (s) => s.publisher.counters.appendFailed),
    c('lost_qos0', 'QoS 0 publishes lost by a failed append', (s) => s.publisher.counters.lostQos0),
    c('deliveries_qos0', 'QoS 0 messages sent', (s) => s.deliveryCounters.deliveredQos0),
    c('deliveries_qos1', 'QoS 1 messages sent', (s) => s.deliveryCounters.deliveredQos1),
    c('dropped_slow', 'QoS 0 messages dropped for slow clients', (s) => s.deliveryCounters.droppedSlow),
    c(
      'dropped_too_large',
      'Messages over a client’s Maximum Packet Size',
      (s) => s.deliveryCounters.droppedTooLarge,
    ),
    c('dropped_expired', 'Messages that expired before delivery', (s) => s.deliveryCounters.droppedExpired),
    c(
      'dropped_uncertain',
      'QoS 0 messages not repeated after the crash of a gateway that may have sent them',
      (s) => s.deliveryCounters.droppedUncertain,
    ),
  ];
}

/** What the log and the mesh brought. */
function logCounters(gateway: Gateway): InstrumentDefinition[] {
  const c = (name: string, help: string, read: Read): InstrumentDefinition =>
    counter(gateway, name, help, read);
  return [
    c('tail_records', 'Records of the tail with a topic', (s) => s.tails.counters.records),
    c('not_visible', 'Records without a valid topic of their stream', (s) => s.tails.counters.notVisible),
    c(
      'bad_batches',
      'Batches that could not be read',
      (s) => s.tails.counters.badBatches + s.catchUp.counters.badBatches,
    ),
    c(
      'bad_records',
      'Records that MQTT can’t show, or copies that could not be made: left out alone',
      (s) =>
        s.tails.counters.badRecords +
        s.catchUp.walked.badRecords +
        s.mesh.walked.badRecords +
        s.deliveryCounters.failed,
    ),
    c(
      'left_out_headers',
      'Headers of records that are no MQTT strings, or too many: the record is delivered without them',
      (s) => s.tails.counters.leftOutHeaders + s.catchUp.walked.leftOutHeaders + s.mesh.walked.leftOutHeaders,
    ),
    c(
      'tail_jumps',
      'Times that a tail went on behind where it was; sessions then read what lies between from the log',
      (s) => s.tails.counters.jumps,
    ),
    c('backlog_reads', 'Reads of missed messages', (s) => s.catchUp.counters.backlogReads),
    c(
      'backlog_expired_offsets',
      'Offsets that retention removed before a session that was away could read them',
      (s) => s.catchUp.counters.expiredOffsets,
    ),
    c('append_frames', 'Append frames sent to journals', (s) => s.journal.framesSent),
    c('mesh_sent', 'QoS 0 messages sent to other gateways', (s) => s.mesh.counters.sent),
    c('mesh_received', 'QoS 0 messages received from other gateways', (s) => s.mesh.counters.received),
    c('mesh_lost', 'QoS 0 messages lost with a link or a slow gateway', (s) => s.mesh.counters.lost),
  ];
}
