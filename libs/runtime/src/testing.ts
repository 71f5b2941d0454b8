// What tests of other packages need: time that they move.

export { ManualClock } from './clock.ts';
