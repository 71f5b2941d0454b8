// Builds, starts and keeps a cluster in the foreground until Ctrl-C or until a process dies.
import { BrokerError } from '@robustmq/errors';
import { buildStaleApps, Cluster, type PlanOptions } from '@robustmq/testkit/cluster';

const READY_TIMEOUT_MS = 30_000;
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/**
 * Runs a cluster until SIGINT or SIGTERM, then drains it. Resolves with the exit code: 0 after a drain, 1 when it could
 * not start or a process died. A second signal while draining kills what is left.
 */
export async function runInForeground(
  options: PlanOptions,
  greet: (cluster: Cluster) => string,
): Promise<number> {
  try {
    const cluster = await Cluster.plan(options);
    await buildStaleApps((service) => {
      say(`building ${service} ...`);
    });
    return await run(cluster, greet);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
}

async function run(cluster: Cluster, greet: (cluster: Cluster) => string): Promise<number> {
  const signalled = firstSignal(cluster);
  const started = performance.now();
  say(`starting ${cluster.processes.map((each) => each.nodeId).join(', ')} ...`);
  const early = await Promise.race([cluster.start(READY_TIMEOUT_MS), signalled]);
  if (early === undefined) {
    say(`ready in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
    say(greet(cluster));
    const dead = await Promise.race([signalled, cluster.firstUnexpectedEnd()]);
    if (typeof dead !== 'string') {
      process.stderr.write(`\n${dead.endReport()}\n\nstopping the others ...\n`);
      await cluster.stop();
      return 1;
    }
  }
  say('\ndraining: gateways, journal, meta ...');
  await cluster.stop();
  say('stopped; all data is kept');
  return 0;
}

function firstSignal(cluster: Cluster): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      seen += 1;
      if (seen === 1) resolve(signal);
      else void cluster.kill();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    process.on('SIGHUP', onSignal);
  });
}
