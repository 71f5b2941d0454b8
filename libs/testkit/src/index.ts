// What tests share: the simulation (random, clock, disk, runner). The cluster of real processes is
// `@robustmq/testkit/cluster`.

export { Random } from './simulation/random.ts';
export { drained, VirtualClock } from './simulation/virtual-clock.ts';
export { SimulatedNetwork, type ConnectionEnd, type EndListener } from './simulation/simulated-network.ts';
export { World, type Life } from './simulation/world.ts';
export { SECTOR_BYTES, type Survival } from './simulation/simulated-file.ts';
export { SimulatedDisk, type DiskBehaviour } from './simulation/simulated-disk.ts';
export {
  firstFailingSeed,
  firstFailure,
  InvariantViolation,
  invariant,
  noteCount,
  seedCount,
  simulate,
  type FailingSeed,
  type SimulationOptions,
} from './simulation/simulate.ts';
