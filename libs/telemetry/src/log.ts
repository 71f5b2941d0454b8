// The log: one JSON object per line in one schema for all services. `ts` (ISO 8601, UTC), `level`, `msg`, `service`,
// `node_id`; where it applies `client_id`, `topic`, `tenant`, `trace_id`, `span_id`, and `err` with code and details. What
// else a message needs is in snake case as well (docs/en/logs.md).

import { systemClock, type Clock } from '@robustmq/runtime';
import { levels, pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
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

const DEBUG = levels.values['debug']!;
/** Bytes that may wait for a reader of stdout that does not read; what comes on top is lost, not piled up (I8). */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** Whether debug lines can appear at all now; hot paths ask before they build one. */
export interface DebugSwitch {
  readonly isOn: boolean;
}

/** The logger of a process, with detail for chosen subjects. */
export interface ProcessLog {
  /** Its debug lines appear when the level is debug, or the filter names their `client_id`, `topic` or `tenant`. */
  readonly logger: Logger;
  readonly filter: LogFilter;
  readonly debug: DebugSwitch;
}

/** Bundlers rename classes; the name that an error goes by is its `name`. */
function serializeError(error: Error): ReturnType<typeof stdSerializers.err> {
  const fields = stdSerializers.err(error);
  return error instanceof Error ? { ...fields, type: error.name } : fields;
}

function subjectOf(fields: unknown): LogSubject {
  return typeof fields === 'object' && fields !== null ? fields : {};
}

/** Makes the log of a process. */
export function createLog(options: LogOptions): ProcessLog {
  const clock = options.clock ?? systemClock;
  const level = options.level ?? 'info';
  const leastLevel = levels.values[level]!;
  const debug = { isOn: leastLevel <= DEBUG };
  const filter = new LogFilter(clock, (isActive) => {
    if (leastLevel <= DEBUG) return;
    debug.isOn = isActive;
    logger.level = isActive ? 'debug' : level;
  });
  const logger = pino(
    {
      level,
      base: { service: options.service, node_id: options.nodeId },
      timestamp: () => `,"ts":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      hooks: {
        logMethod(args, method, lineLevel) {
          // While the filter is on, every debug line comes here, and only those about a chosen subject pass.
          if (lineLevel >= leastLevel || filter.matches(subjectOf(args[0]))) method.apply(this, args);
        },
      },
    },
    options.destination ?? openStdoutSink(MAX_WAITING_BYTES),
  );
  return { logger, filter, debug };
}

/**
 * Makes warnings of Node and of packages lines of the log, instead of text on stderr that no reader of JSON can take.
 * Returns a function that undoes it.
 */
export function logWarnings(logger: Logger): () => void {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  const onWarning = (err: Error): void => logger.warn({ err }, 'warning of the runtime');
  process.on('warning', onWarning);
  return () => {
    process.off('warning', onWarning);
    for (const printer of printers) process.on('warning', printer);
  };
}
