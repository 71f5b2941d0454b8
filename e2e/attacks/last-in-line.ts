// The attacker stands for a machine of its own: he takes of this one's processors only what the services leave. Else what is
// measured are his turns, not theirs.
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const LOWEST_PRIORITY = 19;
/** On Linux the priority of a process counts inside of its session only, and that of the session (autogroup) beside others. */
const SESSION_PRIORITY_FILE = '/proc/self/autogroup';

/** Puts this process, and its session on Linux, behind everybody else who wants to run. */
export function standLastInLine(): void {
  setPriority(LOWEST_PRIORITY);
  try {
    writeFileSync(SESSION_PRIORITY_FILE, `${LOWEST_PRIORITY}`);
  } catch {
    // A kernel without autogroups has the one priority; a sandbox that is read-only measures less exactly.
  }
}
