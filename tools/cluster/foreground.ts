// Builds, starts and keeps a cluster in the foreground until Ctrl-C.
import { BrokerError } from '@robustmq/errors';
import {
  buildStaleApps,
  claimDataFolder,
  Cluster,
  type ManagedProcess,
  type PlanOptions,
  type RestartPolicy,
  shellLine,
} from '@robustmq/testkit/cluster';

const READY_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** What is run, and what becomes of a process that dies. */
export interface ForegroundOptions {
  readonly plan: PlanOptions;
  /**
   * `always`: it is started again, and all end when it keeps dying. `on-request`: it is left to whoever ended it, with the
   * command that starts it again; the others go on.
   */
  readonly restart: RestartPolicy;
  readonly greet: (cluster: Cluster) => string;
}

/**
 * Runs a cluster until SIGINT or SIGTERM, or until the channel to the process that runs this one ends, then drains it. Resolves with the exit code: 0 after a drain, 2 when the data
 * folder can't be had, 1 when it could not start or a process kept dying. A second signal while draining kills what is
 * left.
 */
export async function runInForeground(options: ForegroundOptions): Promise<number> {
  let folder: ReturnType<typeof claimDataFolder>;
  try {
    folder = claimDataFolder(options.plan.dataDir);
  } catch (error) {
    tell(error);
    return 2;
  }
  try {
    return await planAndRun(options);
  } finally {
    folder.release();
  }
}

async function planAndRun(options: ForegroundOptions): Promise<number> {
  try {
    const cluster = await Cluster.plan(options.plan, options.restart);
    await buildStaleApps((service) => {
      say(`building ${service} ...`);
    });
    return await run(cluster, options);
  } catch (error) {
    tell(error);
    return 1;
  }
}

/** A mistake of the setting in one sentence; anything else is a fault of this program. */
function tell(error: unknown): void {
  if (!(error instanceof BrokerError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
}

async function run(cluster: Cluster, options: ForegroundOptions): Promise<number> {
  const signals = watchSignals(cluster);
  try {
    return await runUntil(signals.first, cluster, options);
  } finally {
    signals.stop();
  }
}

async function runUntil(
  signalled: Promise<NodeJS.Signals>,
  cluster: Cluster,
  { restart, greet }: ForegroundOptions,
): Promise<number> {
  const started = performance.now();
  say(`starting ${cluster.processes.map((each) => each.nodeId).join(', ')} ...`);
  const early = await Promise.race([cluster.start(READY_TIMEOUT_MS), signalled]);
  if (early === undefined) {
    say(`ready in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
    say(greet(cluster));
    const dead = await (restart === 'always'
      ? Promise.race([signalled, cluster.firstUnexpectedEnd()])
      : tellOfDeaths(cluster, signalled));
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

/** Names each process that ends, with the command that starts it again, until the signal comes. */
async function tellOfDeaths(
  cluster: Cluster,
  signalled: Promise<NodeJS.Signals>,
): Promise<NodeJS.Signals | ManagedProcess> {
  let watched = cluster.processes;
  for (;;) {
    const never = new Promise<never>(() => undefined);
    const seen = await Promise.race([
      signalled,
      watched.length > 0 ? cluster.firstUnexpectedEnd(watched) : never,
    ]);
    if (typeof seen === 'string') return seen;
    watched = watched.filter((each) => each !== seen);
    cluster.describe();
    const how = seen.lastExit?.signal ?? `exit code ${seen.lastExit?.code ?? 'unknown'}`;
    say(`${seen.nodeId} ended (${how}); the others go on. It starts again with:\n  ${shellLine(seen.spec)}`);
  }
}

/** The first signal to end; a second one kills. Keeps this process alive until it is stopped, however few of its own are left. */
function watchSignals(cluster: Cluster): { readonly first: Promise<NodeJS.Signals>; stop(): void } {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
  let seen = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    seen += 1;
    if (seen === 1) resolve(signal);
    else void cluster.kill();
  };
  // Whoever runs this process is gone: nobody is left to send a signal, and a drain that began goes on.
  const onDisconnect = (): void => {
    resolve('SIGHUP');
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('disconnect', onDisconnect);
  if (process.connected === false) onDisconnect();
  return {
    first: promise,
    stop() {
      clearInterval(keepAlive);
      for (const signal of SIGNALS) process.off(signal, onSignal);
      process.off('disconnect', onDisconnect);
    },
  };
}
