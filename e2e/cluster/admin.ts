// What an operator asks of a running cluster: the HTTP API as the first superuser, and the metrics of a process.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';
import type { Cluster, ManagedProcess } from '@robustmq/testkit/cluster';

import { parseExposition } from '../telemetry/exposition.ts';

/** Longer than anything that an honest answer takes: what hangs for so long is a failure. */
const ANSWER_TIMEOUT_MS = 20_000;

/** A process as the API lists it. */
export interface NodeRow {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly live: boolean;
}

/** Something wrong, as health names it. */
export interface Problem {
  readonly name: string;
  readonly detail: string;
}

/** See the file head. */
export class Admin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** What everybody may know: `healthy`, `degraded`, `unavailable`. */
  async health(): Promise<string> {
    return ((await (await this.#ask('GET', 'health')).json()) as { status: string }).status;
  }

  async problems(): Promise<readonly Problem[]> {
    const { health } = (await this.#body('GET', 'cluster')) as { health: { problems: Problem[] } };
    return health.problems;
  }

  async nodes(): Promise<readonly NodeRow[]> {
    return ((await this.#body('GET', 'nodes')) as { items: NodeRow[] }).items;
  }

  async streamNames(): Promise<readonly string[]> {
    return ((await this.#body('GET', 'streams')) as { items: { name: string }[] }).items.map(
      ({ name }) => name,
    );
  }

  /** Makes a stream of one shard. Answers `''`, or the code of the refusal; one that does not answer is `unanswered`. */
  async createStream(name: string): Promise<string> {
    try {
      const answer = await this.#ask('POST', 'streams', { name, shards: 1 });
      return answer.ok ? '' : ((await answer.json()) as { code: string }).code;
    } catch {
      // Refused at the socket or cut off: it may have been made.
      return 'unanswered';
    }
  }

  /** Removes a stream. */
  async deleteStream(name: string): Promise<void> {
    const answer = await this.#ask('DELETE', `streams/${name}`);
    if (!answer.ok) throw new BrokerError('unavailable', `${name} was not deleted: ${await answer.text()}`);
  }

  async #body(method: string, resource: string): Promise<unknown> {
    const answer = await this.#ask(method, resource);
    if (!answer.ok)
      throw new BrokerError('unavailable', `${resource}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  #ask(method: string, resource: string, body?: object): Promise<Response> {
    const { spec } = this.#cluster.first('meta-service');
    const password = readFileSync(path.join(spec.dataDir, 'initial-admin-password'), 'utf8').trim();
    return fetch(`http://${this.#cluster.first('admin-api').address('http')}/api/v1/${resource}`, {
      method,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      headers: {
        authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
        connection: 'close',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }
}

/** The value of a metric without labels, now. @throws BrokerError when the process does not show it */
export async function metric(process: ManagedProcess, name: string): Promise<number> {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const headers = { connection: 'close' };
  const answer = await fetch(`http://${process.address('ops')}/metrics`, { signal, headers });
  const families = parseExposition(await answer.text());
  const found = families.flatMap(({ samples }) => samples).find((sample) => sample.name === name);
  if (found === undefined) throw new BrokerError('not_found', `${process.nodeId} shows no ${name}`);
  return found.value;
}
