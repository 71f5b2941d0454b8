// The options of `npm run bench`: each is checked before anything is installed or started.
import { existsSync } from 'node:fs';
import path from 'node:path';

import { Command, InvalidArgumentError, Option } from 'commander';

import { SCENARIOS } from './scenarios/index.ts';

const SYSTEM_NAMES = ['mosquitto', 'kafka', 'robustmq', 'sink'] as const;
const WRONG_USAGE_EXIT_CODE = 2;
const MAX_SECONDS = 3_600;
const MAX_ROUNDS = 100;
const MAX_PORT = 65_535;
const MAX_PID = 2 ** 22;

/** What can be named with `--systems`. */
export type SystemName = (typeof SYSTEM_NAMES)[number];

/** The checked values of all options. */
export interface BenchOptions {
  readonly only?: readonly string[];
  readonly systems: readonly SystemName[];
  readonly seconds: number;
  readonly rounds: number;
  readonly attachMqtt?: number;
  readonly attachKafka?: number;
  readonly pids?: readonly number[];
  readonly profile?: string;
  readonly write?: boolean;
  readonly against?: string;
  readonly warm: boolean;
}

/** Reads what stands behind `npm run bench --`; a wrong option is one line and exit code 2. */
export function benchOptions(args: readonly string[]): BenchOptions {
  return new Command('npm run bench --')
    .description('Measures RobustMQ and its peers with the same load and writes docs/en/benchmarks.')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : WRONG_USAGE_EXIT_CODE))
    .allowExcessArguments(false)
    .option('--only <names>', `some scenarios only: ${scenarioNames().join(', ')}`, listOf(scenarioNames()))
    .option('--systems <names>', 'systems to measure, in this order', listOf(SYSTEM_NAMES), [...SYSTEM_NAMES])
    .option('--seconds <n>', 'measured seconds per run, after two of warm-up', countUpTo(MAX_SECONDS), 8)
    .option('--rounds <n>', 'runs of each system per scenario, alternating', countUpTo(MAX_ROUNDS), 3)
    .option(
      '--attach-mqtt <port>',
      'measure a broker that runs already; --pids says whose CPU counts',
      countUpTo(MAX_PORT),
    )
    .option('--attach-kafka <port>', 'the same for Kafka', countUpTo(MAX_PORT))
    .option('--pids <pids>', 'process ids of the attached broker, comma separated', pidsOf)
    .option('--profile <folder>', 'our processes write CPU profiles there')
    .addOption(
      new Option(
        '--against <folder>',
        'another checkout, installed: measured in alternation as `before`, and compared',
      )
        .argParser(checkoutIn)
        .conflicts(['attachMqtt', 'attachKafka']),
    )
    .option('--no-warm', 'leave out the discarded run of the same work before each measured one')
    .option('--write', 'write the report although --only was given')
    .parse(args, { from: 'user' })
    .opts<BenchOptions>();
}

function scenarioNames(): readonly string[] {
  return SCENARIOS.map(({ name }) => name);
}

function listOf<Name extends string>(known: readonly Name[]): (text: string) => Name[] {
  return (text) =>
    text.split(',').map((word) => {
      const found = known.find((name) => name === word);
      if (found === undefined)
        throw new InvalidArgumentError(`There is no '${word}', only ${known.join(', ')}.`);
      return found;
    });
}

function countUpTo(max: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > max) throw new InvalidArgumentError(`A number from 1 to ${max} is expected.`);
    return count;
  };
}

function pidsOf(text: string): number[] {
  return text.split(',').map((pid) => countUpTo(MAX_PID)(pid));
}

function checkoutIn(folder: string): string {
  for (const part of ['e2e/bench/systems/robustmq.ts', 'node_modules/node/bin/node'])
    if (!existsSync(path.join(folder, part)))
      throw new InvalidArgumentError(`It has no ${part}: an installed checkout of this project is expected.`);
  return folder;
}
