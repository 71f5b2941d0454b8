// The attacker stands for a machine of its own: of this one's processors he takes mostly what the services leave. Else what is
// measured are his turns, not theirs.
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** A tenth of what a service gets beside him: behind them, but a busy machine must not keep him from attacking at all. */
const LOW_PRIORITY = 10;
/** On Linux the priority of a process counts inside of its session only, and that of the session (autogroup) beside others. */
const SESSION_PRIORITY_FILE = '/proc/self/autogroup';

/** Puts this process, and its session on Linux, behind the others who want to run. */
export function standLastInLine(): void {
  setPriority(LOW_PRIORITY);
  try {
    writeFileSync(SESSION_PRIORITY_FILE, `${LOW_PRIORITY}`);
  } catch {
    // A kernel without autogroups has the one priority; a sandbox that is read-only measures less exactly.
  }
}
