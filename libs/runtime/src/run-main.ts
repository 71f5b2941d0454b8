// The outermost frame of every process: an error that reaches it becomes one readable line and an exit code.

import { BrokerError } from '@robustmq/errors';

/** Exit codes that scripts and Kubernetes see. */
export const EXIT_CODES = {
  /** Started wrongly: configuration, a taken port, missing permission. A restart will not help. */
  misconfigured: 2,
  failed: 1,
  /** The launcher that it belonged to is gone. */
  orphaned: 3,
  /** EX_TEMPFAIL: what it needed was not there in time; started again, it may succeed. */
  tryAgain: 75,
} as const;

const MISCONFIGURED = new Set(['invalid_argument', 'conflict', 'permission_denied']);

/** Line and exit code for an error that ends the process; only unexpected ones show their stack. */
export function describeFatal(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof BrokerError) {
    const other = error.retriable ? EXIT_CODES.tryAgain : EXIT_CODES.failed;
    const code = MISCONFIGURED.has(error.code) ? EXIT_CODES.misconfigured : other;
    return { text: `${error.message} [${error.code}]`, code };
  }
  return {
    text: error instanceof Error ? (error.stack ?? error.message) : String(error),
    code: EXIT_CODES.failed,
  };
}

/** Folders 0700, files 0600, whoever makes them: a service's data, logs and keys are its user's own. */
const PRIVATE_UMASK = 0o077;

/**
 * Runs `main`; when it fails, prints why to stderr and ends the process with the code of {@link describeFatal}. A process that was
 * started with an IPC channel belongs to a launcher and ends with it, without a drain: whoever kills a launcher means all of it,
 * and the next start must find the ports free.
 */
export async function runMain(name: string, main: () => Promise<void>): Promise<void> {
  process.umask(PRIVATE_UMASK);
  if (process.connected) process.once('disconnect', () => process.exit(EXIT_CODES.orphaned));
  try {
    await main();
  } catch (error) {
    const { text, code } = describeFatal(error);
    // The callback comes when the line is out, also through a pipe.
    process.stderr.write(`${name}: ${text}\n`, () => process.exit(code));
  }
}
