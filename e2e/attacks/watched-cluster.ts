// What an attack does to the processes of a cluster: how late their loops come, what memory they take, whether their leases
// hold and whether they live on.
import { readFileSync } from 'node:fs';
import { BrokerError } from '@robustmq/errors';
import type { Cluster, ManagedProcess } from '@robustmq/testkit/cluster';

import { residentBytes } from '../bench/processes.ts';
import { parseExposition } from '../telemetry/exposition.ts';

const LEASE_LOST = '"lease lost';
const SAMPLE_MS = 200;
const DELAY_METRIC = 'robustmq_process_event_loop_delay_seconds';

/** How late the loop of one process came since the last look. */
export interface LoopDelays {
  readonly nodeId: string;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Reads the delays of every process, and begins new ones. */
export async function takeLoopDelays(cluster: Cluster): Promise<LoopDelays[]> {
  return Promise.all(cluster.processes.map(loopDelaysOf));
}

async function loopDelaysOf(node: ManagedProcess): Promise<LoopDelays> {
  const answer = await fetch(`http://${node.address('ops')}/metrics`, { headers: { connection: 'close' } });
  const samples = parseExposition(await answer.text()).find(({ name }) => name === DELAY_METRIC)?.samples;
  const of = (quantile: string): number => {
    const sample = samples?.find(({ labels }) => labels['quantile'] === quantile);
    if (sample === undefined) throw new BrokerError('not_found', `${node.nodeId} tells no delay of its loop`);
    return sample.value * 1_000;
  };
  return { nodeId: node.nodeId, p99Ms: of('0.99'), longestMs: of('1') };
}

/** How often any process of the cluster has lost its lease so far. */
export function lostLeases(cluster: Cluster): number {
  return cluster.processes.reduce((sum, { spec }) => {
    const log = readFileSync(spec.logFile, 'utf8');
    return sum + log.split(LEASE_LOST).length - 1;
  }, 0);
}

/** The most memory that each process took while somebody looked. */
export class MemoryWatch {
  readonly peakBytes = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(cluster: Cluster) {
    const look = (): void => {
      for (const { nodeId, pid } of cluster.processes) {
        const bytes = pid === undefined ? 0 : residentBytes([pid]);
        this.peakBytes.set(nodeId, Math.max(bytes, this.peakBytes.get(nodeId) ?? 0));
      }
    };
    look();
    this.#timer = setInterval(look, SAMPLE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
