// Time and the boundary as parts of the gateway get them, for tests of a part: what fails unexpectedly fails the test.

import { systemClock, systemTimers } from '@robustmq/runtime';
import { OutputFlusher, type FlushPorts } from '../src/transport/output-flusher.ts';
import type { CallPorts } from '../src/store/batched-call.ts';

export const WORK_PORTS: CallPorts & FlushPorts = {
  clock: systemClock,
  timers: systemTimers,
  failed(thrown) {
    throw thrown;
  },
};

/** A flusher on the platform's timers. */
export const newFlusher = (): OutputFlusher => new OutputFlusher(WORK_PORTS);
