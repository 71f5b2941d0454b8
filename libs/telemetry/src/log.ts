// The log: one JSON object per line in one schema for all services. `ts` (ISO 8601, UTC), `level`, `msg`, `service`,
// `node_id`; where it applies `client_id`, `topic`, `tenant`, `trace_id`, `span_id`, and `err` with code and details.

import { systemClock, type Clock } from '@robustmq/runtime';
import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import { LogFilter, type LogSubject } from './log-filter.ts';
import { openStdoutSink } from './log-sink.ts';

/** Levels that can be configured. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Who logs, and where to. */
export interface LogOptions {
  readonly service: string;
  readonly nodeId: string;
  readonly level?: LogLevel;
  readonly clock?: Clock;
  /** Default: stdout, written off the hot path. */
  readonly destination?: DestinationStream;
}

/** Bytes that may wait for a reader of stdout that does not read; what comes on top is lost, not piled up (I8). */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** The logger of a process, with detail for chosen subjects. */
export interface Log {
  readonly logger: Logger;
  readonly filter: LogFilter;
  /** Whether `debugFor` can write anything at all now; hot paths ask before they build its arguments. */
  readonly isDebugging: boolean;
  /** A debug line that appears when the level is debug or the filter names the subject. */
  debugFor(subject: LogSubject, fields: Record<string, unknown>, message: string): void;
}

/** Makes the log of a process. */
export function createLog(options: LogOptions): Log {
  const clock = options.clock ?? systemClock;
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, node_id: options.nodeId },
      timestamp: () => `,"ts":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err },
    },
    options.destination ?? openStdoutSink(MAX_WAITING_BYTES),
  );
  const filter = new LogFilter(clock);
  // A child has a level of its own, so the chosen subjects pass while everyone else's debug lines stay off.
  const detailed = logger.child({}, { level: 'debug' });
  return {
    logger,
    filter,
    get isDebugging() {
      return filter.isActive || logger.isLevelEnabled('debug');
    },
    debugFor(subject, fields, message) {
      if (logger.isLevelEnabled('debug') || filter.matches(subject))
        detailed.debug({ ...subject, ...fields }, message);
    },
  };
}
