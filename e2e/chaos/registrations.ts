// How often each process has registered and lost its lease, from its log.
import { readFileSync } from 'node:fs';

import type { ManagedProcess } from '@robustmq/testkit/cluster';

/** What the log of a process says of its incarnations. */
export interface Registrations {
  /** Of the last registration. */
  readonly incarnation: number;
  /** Registrations that did not follow the end of another: one for each start of the process, and none besides. */
  readonly unasked: number;
}

/** See the file head. */
export function registrationsOf({ spec }: ManagedProcess): Registrations {
  let incarnation = 0;
  let unasked = 0;
  for (const line of readFileSync(spec.logFile, 'utf8').split('\n')) {
    if (line.includes('"msg":"registered"')) {
      unasked += 1;
      incarnation = (JSON.parse(line) as { incarnation: number }).incarnation;
    } else if (line.includes('"msg":"lease lost')) unasked -= 1;
  }
  return { incarnation, unasked };
}
