// Log: the port through which everything logs. A process passes its own logger; a test, what collects lines.

/** One line per call: structured fields, then what happened in words. Who needs less takes a `Pick` of it. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A log that nobody reads. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
