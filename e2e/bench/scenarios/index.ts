// All rows of the benchmark, in the order of the report.
import { kafkaScenarios } from './kafka.ts';
import { connections } from './mqtt-connections.ts';
import { fanout } from './mqtt-fanout.ts';
import { pairScenarios } from './mqtt-pairs.ts';
import type { Scenario } from './scenario.ts';

/** Every scenario by its place in the report. */
export const SCENARIOS: readonly Scenario[] = [fanout, ...pairScenarios, connections, ...kafkaScenarios];
