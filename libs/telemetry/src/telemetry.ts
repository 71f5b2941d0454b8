// Telemetry of a process: log, metrics, traces and the ops port, started first and stopped last.
// Metrics use the metrics SDK directly, whose readers our own ops port serves; traces start the Node SDK when they are wanted.

import { trace } from '@opentelemetry/api';
import type { Clock } from '@robustmq/runtime';
import { Health } from './health.ts';
import { LoopDelay } from './loop-delay.ts';
import { createLog, logWarnings, type LogOptions, type ProcessLog } from './log.ts';
import { createMetrics, resourceOf, type Metrics, type MetricsOptions } from './metrics.ts';
import { OpsServer } from './ops-server.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import type { TelemetryValues } from './settings.ts';
import { TraceSampler } from './trace-sampler.ts';

/** Who the process is and what its configuration says. */
export interface TelemetryOptions extends MetricsOptions {
  readonly settings: TelemetryValues;
  /** What `POST /drain` starts: the process's shutdown. */
  readonly onDrain: () => void;
  readonly clock?: Clock;
  readonly logDestination?: LogOptions['destination'];
}

/** The running telemetry of a process. */
export interface Telemetry {
  readonly log: ProcessLog;
  readonly metrics: Metrics;
  readonly sampler: TraceSampler;
  readonly health: Health;
  /** Port of the ops server, also when the configured one was 0. */
  readonly opsPort: number;
  /** Exports what is left and closes the ops port; never rejects. */
  stop(): Promise<void>;
}

/** Retries included: the longest that a collector which does not answer can hold up the end of a process. */
const EXPORT_TIMEOUT_MS = 2000;

interface Traces {
  readonly sampler: TraceSampler;
  shutdown(): Promise<void>;
}

async function startTraces(options: TelemetryOptions): Promise<Traces> {
  const { endpoint, ratio } = options.settings.traces;
  if (endpoint === undefined) {
    return { sampler: new TraceSampler({ tracer: null, ratio }), shutdown: () => Promise.resolve() };
  }
  // Loaded only when used: the SDK brings every exporter there is, 40 MB and a third of a second per process.
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    resource: resourceOf(options),
    autoDetectResources: false,
    // TraceSampler has decided before the SDK is asked, by the same rule, so the SDK's default records what it is given.
    traceExporter: new OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_TIMEOUT_MS }),
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  const tracer = trace.getTracer('robustmq', options.version);
  return { sampler: new TraceSampler({ tracer, ratio }), shutdown: () => sdk.shutdown() };
}

/**
 * Starts the telemetry of a process.
 * @throws BrokerError conflict when the ops port is taken.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { settings } = options;
  const log = createLog({
    service: options.service,
    nodeId: options.nodeId,
    level: settings.log.level,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.logDestination === undefined ? {} : { destination: options.logDestination }),
  });
  const restoreWarnings = logWarnings(log.logger);
  const metrics = createMetrics(options);
  const loopDelay = LoopDelay.start();
  registerProcessMetrics(metrics, options.version, loopDelay);
  const health = new Health();
  const traces = await startTraces(options);
  const ops = new OpsServer({
    ...settings.ops,
    portOption: 'ops.port',
    health,
    metrics,
    filter: log.filter,
    onDrain: options.onDrain,
  });
  const opsPort = await ops.start();
  return {
    log,
    metrics,
    sampler: traces.sampler,
    health,
    opsPort,
    async stop() {
      loopDelay.stop();
      const outcomes = await Promise.allSettled([traces.shutdown(), ops.stop(), metrics.shutdown()]);
      // A collector that is gone must not turn an orderly end into a failed one.
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected')
          log.logger.warn({ err: outcome.reason as unknown }, 'telemetry was not sent');
      }
      restoreWarnings();
    },
  };
}
