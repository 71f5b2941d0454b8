// While a world runs, nothing in it may wait for the platform's timers or take its chance: a run depends on its seed alone.

import { InvariantViolation } from '@robustmq/testkit';

/** Takes the platform away; the result gives it back. */
export function withoutPlatform(random: () => number): () => void {
  const before = { setTimeout, setInterval };
  const refuse = (name: string) => (): never => {
    throw new InvariantViolation(`${name} of the platform in a simulated world`);
  };
  const randomBefore = Math.random;
  Object.assign(globalThis, { setTimeout: refuse('setTimeout'), setInterval: refuse('setInterval') });
  Math.random = random;
  return () => {
    Object.assign(globalThis, before);
    Math.random = randomBefore;
  };
}
