// A cluster of real processes: started together, watched, drained in order.
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';

import { writeClusterFile } from './cluster-file.ts';
import { makePrivateFolder } from './data-folder.ts';
import { ManagedProcess, type RestartPolicy } from './managed-process.ts';
import { type PlanOptions, planCluster } from './plan.ts';
import { DRAIN_STAGES, type ProcessSpec, type ServiceName } from './service.ts';

/** How long each service may take to drain before it is killed. */
const DRAIN_TIMEOUT_MS = 10_000;

/** The running processes and the file that describes them. */
export class Cluster {
  readonly dataDir: string;
  readonly processes: readonly ManagedProcess[];

  private constructor(dataDir: string, specs: readonly ProcessSpec[], restart: RestartPolicy) {
    this.dataDir = dataDir;
    this.processes = specs.map((spec) => {
      const onRestart = (): void => {
        this.#writeFile();
      };
      return new ManagedProcess(spec, { restart, onRestart });
    });
  }

  /** Plans without starting: counts, ports and folders are checked. */
  static async plan(options: PlanOptions, restart: RestartPolicy = 'on-request'): Promise<Cluster> {
    const dataDir = path.resolve(options.dataDir);
    return new Cluster(dataDir, await planCluster({ ...options, dataDir }), restart);
  }

  /** Plans, starts and waits until every process is ready. What started is stopped again when one is not. */
  static async start(options: PlanOptions, readyTimeoutMs: number): Promise<Cluster> {
    const cluster = await Cluster.plan(options);
    await cluster.start(readyTimeoutMs);
    return cluster;
  }

  /** Starts every process that is not running, all at once: each waits for what it needs. */
  async start(readyTimeoutMs: number): Promise<void> {
    makePrivateFolder(this.dataDir);
    try {
      for (const each of this.processes) if (!each.running) each.start();
      this.#writeFile();
      await Promise.all(this.processes.map((each) => each.ready(readyTimeoutMs)));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The processes of one service, by node number. */
  of(service: ServiceName): readonly ManagedProcess[] {
    return this.processes.filter((each) => each.spec.service === service);
  }

  /** The first process of a service; fails when the cluster has none. */
  first(service: ServiceName): ManagedProcess {
    const found = this.of(service)[0];
    if (found === undefined) throw new BrokerError('not_found', `no ${service} in this cluster`);
    return found;
  }

  /** Kills with SIGKILL, all at the same instant. */
  async kill(processes: readonly ManagedProcess[] = this.processes): Promise<void> {
    await Promise.all(processes.map((each) => each.kill()));
  }

  /** Starts these processes again by their exact command and waits until every process is ready. */
  async restart(processes: readonly ManagedProcess[], readyTimeoutMs: number): Promise<void> {
    for (const each of processes) if (!each.running) each.start();
    this.#writeFile();
    await Promise.all(this.processes.map((each) => each.ready(readyTimeoutMs)));
  }

  /** Resolves with the first of `among` that ends for good although nobody asked it to. */
  firstUnexpectedEnd(among: readonly ManagedProcess[] = this.processes): Promise<ManagedProcess> {
    return Promise.race(
      among.map(async (each) => {
        await each.exited();
        // A process that was told to end never wins the race.
        return each.diedUnexpectedly ? each : new Promise<never>(() => undefined);
      }),
    );
  }

  /** Notes in cluster.json which processes run. */
  describe(): void {
    this.#writeFile();
  }

  /** Drains: gateways first, then the journal, then meta. Each has a limit, after which it is killed. */
  async stop(drainTimeoutMs: number = DRAIN_TIMEOUT_MS): Promise<void> {
    for (const stage of DRAIN_STAGES) {
      await Promise.all(
        stage.flatMap((service) => this.of(service)).map((each) => each.stop(drainTimeoutMs)),
      );
    }
    this.#writeFile();
  }

  #writeFile(): void {
    writeClusterFile(path.join(this.dataDir, 'cluster.json'), this.processes);
  }
}
