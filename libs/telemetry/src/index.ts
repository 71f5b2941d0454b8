// Logs, metrics, traces and the ops port of a process.

export { ATTRIBUTES, SYSTEM_KAFKA, SYSTEM_MQTT } from './attributes.ts';
export { createLog, LOG_LEVELS, type DebugSwitch, type Log, type LogLevel, type LogOptions } from './log.ts';
export { LogFilter, type LogFilterRules, type LogFilterState, type LogSubject } from './log-filter.ts';
export { BucketHistogram, COUNT_BOUNDS, LATENCY_BOUNDS_SECONDS, SIZE_BOUNDS_BYTES } from './histogram.ts';
export {
  createMetrics,
  registerCounters,
  registerGauges,
  type HistogramDefinition,
  type InstrumentDefinition,
  type Metrics,
  type MetricsOptions,
  type Reading,
  type Unit,
} from './metrics.ts';
export { RateLimitedLog, type LineSink, type RateLimitedLogOptions } from './rate-limited-log.ts';
export { registerProcessMetrics } from './process-metrics.ts';
export { Health, type ReadinessCheck } from './health.ts';
export { OpsServer, type OpsServerOptions } from './ops-server.ts';
export {
  contextOfHeaderValue,
  contextOfUserProperties,
  formatTraceparent,
  parseTraceparent,
  TRACEPARENT,
} from './trace-context.ts';
export { traceFields, TraceSampler, type SpanStart, type TraceSamplerOptions } from './trace-sampler.ts';
export { telemetrySettings, type TelemetryValues } from './settings.ts';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.ts';
