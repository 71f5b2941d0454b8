// What attacks are compared with: an attacker who only takes time of the processors from the services.
import { setImmediate as turn } from 'node:timers/promises';
import type { Attack } from './attack.ts';

const SLICE_MS = 5;

const busy: Attack = async (_, over) => {
  while (!over.aborted) {
    const untilMs = performance.now() + SLICE_MS;
    while (performance.now() < untilMs);
    await turn();
  }
};

/** By name. */
export const CONTROLS = { 'an attacker that is busy and sends nothing': busy } satisfies Record<
  string,
  Attack
>;
