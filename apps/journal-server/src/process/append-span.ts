// The trace span of a sampled append: from the arrival of the batch to its acknowledgement.

import { ATTRIBUTES, traceContext, type TraceSampler } from '@robustmq/telemetry';
import type { AppendRequest, AppendSpan } from '../shard/pending.ts';

/** Begins the span; null unless the batch is sampled. */
export function appendSpan(sampler: TraceSampler, request: AppendRequest): AppendSpan | null {
  const parent = sampler.isOn ? traceContext.parse(request.traceparent) : null;
  if (parent === null) return null;
  const attributes = {
    [ATTRIBUTES.streamId]: request.streamId,
    [ATTRIBUTES.shard]: request.shard,
    [ATTRIBUTES.batchBytes]: request.bytes.length,
  };
  return sampler.start('append', parent, { attributes });
}
