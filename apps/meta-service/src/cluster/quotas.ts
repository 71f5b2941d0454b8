// How many streams and shards a tenant may have (I8, I10): every process holds the rows of all of them, and a journal-server
// opens files for each.
import { BrokerError } from '@robustmq/errors';
import type { ClusterDraft } from './draft.ts';

/** Limits of one tenant, as the proposer was started with them. */
export interface TenantQuotas {
  readonly streams: number;
  readonly shards: number;
}

/** @throws BrokerError `quota_exceeded` naming the limit when so many more would be over it */
export function checkQuotas(
  { index }: ClusterDraft,
  tenant: string,
  more: { readonly streams: number; readonly shards: number },
  quotas: TenantQuotas,
): void {
  const { streams, shards } = index.usageOf(tenant);
  if (streams + more.streams > quotas.streams)
    throw new BrokerError('quota_exceeded', `tenant ${tenant} has ${streams} streams of ${quotas.streams}`, {
      details: { quota: 'streams' },
    });
  if (shards + more.shards > quotas.shards)
    throw new BrokerError(
      'quota_exceeded',
      `tenant ${tenant} has ${shards} shards of ${quotas.shards}, ${more.shards} more do not fit`,
      { details: { quota: 'shards' } },
    );
}
