// One request may name sessions of several data groups: it is split, each part is one command, the outcomes are put back in order.
import { BrokerError } from '@robustmq/errors';
import { CALL_LIMITS, type NodeIdentity } from '@robustmq/rpc';
import { liveNode } from '../cluster/live-node.ts';
import type { Meta } from '../meta.ts';

/** Whose key an entry has. */
export interface Keyed {
  readonly tenant: string;
  readonly id: string;
}

/**
 * Runs a part per data group and merges the outcomes.
 * @throws BrokerError `fenced` when the caller's incarnation has ended (rule F1)
 */
export async function inGroups<E, O>(
  meta: Meta,
  node: NodeIdentity | undefined,
  entries: readonly E[],
  keyOf: (entry: E) => Keyed,
  run: (group: number, part: E[]) => Promise<O[]>,
): Promise<O[]> {
  liveNode(meta.state, node);
  if (entries.length > CALL_LIMITS.sessions)
    throw new BrokerError('too_large', `at most ${CALL_LIMITS.sessions} entries at a time`);
  const parts = new Map<number, { positions: number[]; part: E[] }>();
  entries.forEach((entry, position) => {
    const { tenant, id } = keyOf(entry);
    checkKey(tenant, id);
    const group = meta.dataGroupOf(tenant, id);
    let row = parts.get(group);
    if (row === undefined) parts.set(group, (row = { positions: [], part: [] }));
    row.positions.push(position);
    row.part.push(entry);
  });
  const outcomes = new Array<O>(entries.length);
  await Promise.all(
    [...parts].map(async ([group, { positions, part }]) => {
      const answered = await run(group, part);
      positions.forEach((position, i) => (outcomes[position] = answered[i] as O));
    }),
  );
  return outcomes;
}

/** Keys of rows are texts ended by NUL: what contains one could name another tenant's rows (I10). @throws BrokerError */
export function checkKey(tenant: string, id: string): void {
  if (!isKey(tenant, id))
    throw new BrokerError('invalid_argument', 'a key is a tenant and an id, neither empty nor with NUL');
}

/** Whether {@link checkKey} lets it pass. */
export function isKey(tenant: string, id: string): boolean {
  return tenant !== '' && id !== '' && !tenant.includes('\0') && !id.includes('\0');
}
