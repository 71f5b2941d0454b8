// What tests share: the simulation (random, clock, disk, runner) and the wait for a condition. The cluster of real processes is
// `@robustmq/testkit/cluster`.

export { Random } from './simulation/random.ts';
export { drained, VirtualClock } from './simulation/virtual-clock.ts';
export { type ConnectionEnd } from './simulation/simulated-network.ts';
export { World, type Life } from './simulation/world.ts';
export { SimulatedDisk } from './simulation/simulated-disk.ts';
export {
  firstFailingSeed,
  firstFailure,
  InvariantViolation,
  invariant,
  noteCount,
  simulate,
  simulationLimitMs,
} from './simulation/simulate.ts';
export { until } from './until.ts';
