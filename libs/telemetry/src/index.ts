// Logs, metrics, traces and the ops port of a process.

export { ATTRIBUTES, SYSTEM_MQTT } from './attributes.ts';
export { type DebugSwitch } from './log.ts';
export { BucketHistogram } from './histogram.ts';
export { type InstrumentDefinition, type Metrics } from './metrics.ts';
export { RateLimitedLog } from './rate-limited-log.ts';
export { registerProcessMetrics } from './process-metrics.ts';
export { traceContext } from './trace-context.ts';
export { TraceSampler } from './trace-sampler.ts';
export { telemetrySettings } from './settings.ts';
export { startTelemetry, type Telemetry } from './telemetry.ts';
export { PROBLEM_NAMES } from './health.ts';
