// `npm run bench`: the same load on the peers and on us, in alternation.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';
import { SERVICES } from '@robustmq/testkit/cluster';
import { Command } from 'commander';

import { meetNeed } from '../install/needs.ts';
import { compare, comparisonTable } from './compare.ts';
import { oneLine, type ScenarioResult } from './figures.ts';
import { writeReport } from './report.ts';
import { SCENARIOS } from './scenarios/index.ts';
import type { Measurement, Scenario } from './scenarios/scenario.ts';
import { attached } from './systems/attached.ts';
import { kafka } from './systems/kafka.ts';
import { mosquitto } from './systems/mosquitto.ts';
import { otherCheckout } from './systems/other-checkout.ts';
import { robustmq } from './systems/robustmq.ts';
import { sink } from './systems/sink.ts';
import type { System } from './systems/system.ts';

interface BenchOptions {
  readonly only?: string;
  readonly systems: string;
  readonly seconds: string;
  readonly rounds: string;
  readonly attachMqtt?: string;
  readonly attachKafka?: string;
  readonly pids?: string;
  readonly profile?: string;
  readonly write?: boolean;
  readonly against?: string;
  readonly warm: boolean;
}

const command = new Command('npm run bench --')
  .description('Measures RobustMQ and its peers with the same load and writes docs/en/benchmarks.')
  .option('--only <names>', `some scenarios only: ${SCENARIOS.map((each) => each.name).join(', ')}`)
  .option('--systems <names>', 'systems to measure, in this order', 'mosquitto,kafka,robustmq,sink')
  .option('--seconds <n>', 'measured seconds per run, after two of warm-up', '8')
  .option('--rounds <n>', 'runs of each system per scenario, alternating', '3')
  .option('--attach-mqtt <port>', 'measure a broker that runs already; --pids says whose CPU counts')
  .option('--attach-kafka <port>', 'the same for Kafka')
  .option('--pids <pids>', 'process ids of the attached broker, comma separated')
  .option('--profile <folder>', 'our processes write CPU profiles there')
  .option(
    '--against <folder>',
    'another checkout, installed: measured in alternation as `before`, and compared',
  )
  .option('--no-warm', 'leave out the discarded run of the same work before each measured one')
  .option('--write', 'write the report although --only was given')
  .parse();

const options = command.opts<BenchOptions>();
await bench();

async function bench(): Promise<void> {
  const scenarios = chosenScenarios();
  await installPeers();
  const systems = chosenSystems();
  const scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-bench-'));
  const results: ScenarioResult[] = [];
  try {
    for (const scenario of scenarios) {
      process.stdout.write(
        `\n${scenario.name}: ${scenario.title}${scenario.target === '' ? '' : ` (target ${scenario.target})`}\n`,
      );
      results.push(await measure(scenario, systems, scratch));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (options.against !== undefined) process.stdout.write(`\n${comparisonTable(compare(results))}\n`);
  else if (options.only === undefined || options.write === true) {
    writeReport(results, systems, { seconds: Number(options.seconds), rounds: Number(options.rounds) });
  }
}

async function measure(
  scenario: Scenario,
  systems: readonly System[],
  scratch: string,
): Promise<ScenarioResult> {
  const runs = new Map<string, Measurement[]>();
  const able = systems.filter((system) => system.speaks.includes(scenario.protocol));
  for (let round = 1; round <= Number(options.rounds); round += 1) {
    // Whoever comes second finds the machine as the first has left it: they take turns at that too.
    for (const system of round % 2 === 1 ? able : able.toReversed()) {
      const folder = path.join(scratch, `${scenario.name}-${round}-${system.name}`);
      mkdirSync(folder, { recursive: true });
      const running = await system.start(folder);
      try {
        // Peers compile while they serve: their first seconds are not their speed, nor are ours.
        if (options.warm) await scenario.run(running, { seconds: Number(options.seconds) });
        const measured = await scenario.run(running, { seconds: Number(options.seconds) });
        runs.set(system.name, [...(runs.get(system.name) ?? []), measured]);
        process.stdout.write(`  ${system.name.padEnd(10)} ${oneLine(measured)}\n`);
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        process.stdout.write(`  ${system.name.padEnd(10)} failed: ${error.message}\n`);
      } finally {
        await running.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }
  return {
    name: scenario.name,
    title: scenario.title,
    target: scenario.target,
    runs: Object.fromEntries(runs),
  };
}

/** Peers and tools come from apt and Maven on first use; what can't be had fails in its own row. */
async function installPeers(): Promise<void> {
  for (const need of ['mosquitto', 'kafka-jars'] as const) {
    const missing = await meetNeed(need, (line) => process.stdout.write(`${line}\n`));
    if (missing !== undefined) process.stdout.write(`${need}: ${missing}\n`);
  }
}

function chosenScenarios(): readonly Scenario[] {
  if (options.only === undefined) return SCENARIOS;
  return options.only.split(',').map((name) => {
    const found = SCENARIOS.find((each) => each.name === name);
    if (found === undefined) throw new BrokerError('invalid_argument', `no scenario is named ${name}`);
    return found;
  });
}

function chosenSystems(): readonly System[] {
  const pids = (options.pids ?? '').split(',').filter(Boolean).map(Number);
  if (options.attachMqtt !== undefined || options.attachKafka !== undefined) {
    const ports = {
      ...(options.attachMqtt === undefined ? {} : { mqtt: Number(options.attachMqtt) }),
      ...(options.attachKafka === undefined ? {} : { kafka: Number(options.attachKafka) }),
    };
    return [attached(ports, pids)];
  }
  const profile =
    options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(options.profile)}`];
  const known = [
    mosquitto,
    kafka,
    robustmq(Object.fromEntries(SERVICES.map((service) => [service, profile]))),
    sink,
    ...(options.against === undefined ? [] : [otherCheckout(options.against)]),
  ];
  if (options.against !== undefined) return known.filter(({ name }) => ['before', 'robustmq'].includes(name));
  return options.systems.split(',').map((name) => {
    const found = known.find((each) => each.name === name);
    if (found === undefined) throw new BrokerError('invalid_argument', `no system is named ${name}`);
    return found;
  });
}
