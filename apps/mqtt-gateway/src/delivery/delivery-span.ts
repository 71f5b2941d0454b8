// The span of a delivery: it belongs to the publish if that was here, else to the context that its client sent along.

import type { RecordCursor } from '@robustmq/record-batch';
import { ATTRIBUTES, SYSTEM_MQTT, traceContext, type TraceSampler } from '@robustmq/telemetry';
import type { ShardPlace } from './shard-place.ts';

type Span = ReturnType<TraceSampler['start']>;
type Context = ReturnType<typeof traceContext.ofHeaderValue>;

/** Knows the sampled publishes among the records that this gateway appended. */
export interface PublishContexts {
  contextOf(shard: { readonly streamId: number; readonly shard: number }, offset: number): Context;
}

const TRACEPARENT_NAME = Buffer.from(traceContext.header);

/** Starts the span of a record's delivery; null when it is not sampled. */
export function startDeliverySpan(
  sampler: TraceSampler,
  publishes: PublishContexts,
  record: RecordCursor,
  place: ShardPlace,
): Span {
  const parent = publishes.contextOf(place, record.offset) ?? contextIn(record);
  if (parent === null) return null;
  return sampler.start('mqtt deliver', parent, {
    attributes: {
      [ATTRIBUTES.messagingSystem]: SYSTEM_MQTT,
      [ATTRIBUTES.streamId]: place.streamId,
      [ATTRIBUTES.shard]: place.shard,
      [ATTRIBUTES.offset]: record.offset,
    },
  });
}

function contextIn(record: RecordCursor): Context {
  if (record.headerCount < 1 || !record.findHeader(TRACEPARENT_NAME) || record.foundStart < 0) return null;
  return traceContext.ofHeaderValue(record.buffer.subarray(record.foundStart, record.foundEnd));
}
