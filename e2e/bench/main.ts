// `npm run bench`: the same load on the peers and on us, in alternation.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';
import { SERVICES } from '@robustmq/testkit/cluster';

import { meetNeed } from '../install/needs.ts';
import { compare, comparisonTable } from './compare.ts';
import { oneLine, type ScenarioResult } from './figures.ts';
import { benchOptions, type SystemName } from './options.ts';
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

const options = benchOptions(process.argv.slice(2));
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
    writeReport(results, systems, { seconds: options.seconds, rounds: options.rounds });
  }
}

async function measure(
  scenario: Scenario,
  systems: readonly System[],
  scratch: string,
): Promise<ScenarioResult> {
  const runs = new Map<string, Measurement[]>();
  const able = systems.filter((system) => system.speaks.includes(scenario.protocol));
  for (let round = 1; round <= options.rounds; round += 1) {
    // Whoever comes second finds the machine as the first has left it: they take turns at that too.
    for (const system of round % 2 === 1 ? able : able.toReversed()) {
      const folder = path.join(scratch, `${scenario.name}-${round}-${system.name}`);
      mkdirSync(folder, { recursive: true });
      const running = await system.start(folder);
      try {
        // Peers compile while they serve: their first seconds are not their speed, nor are ours.
        if (options.warm) await scenario.run(running, { seconds: options.seconds });
        const measured = await scenario.run(running, { seconds: options.seconds });
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
  return SCENARIOS.filter(({ name }) => options.only?.includes(name) ?? true);
}

function chosenSystems(): readonly System[] {
  const { attachMqtt: mqtt, attachKafka: kafkaPort, pids = [], against } = options;
  if (mqtt !== undefined || kafkaPort !== undefined) {
    const ports = {
      ...(mqtt === undefined ? {} : { mqtt }),
      ...(kafkaPort === undefined ? {} : { kafka: kafkaPort }),
    };
    return [attached(ports, pids)];
  }
  const profile =
    options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(options.profile)}`];
  const own = robustmq(Object.fromEntries(SERVICES.map((service) => [service, profile])));
  if (against !== undefined) return [own, otherCheckout(against)];
  const known: Readonly<Record<SystemName, System>> = { mosquitto, kafka, robustmq: own, sink };
  return options.systems.map((name) => known[name]);
}
