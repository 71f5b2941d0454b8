// Settings of the cluster that change at run time: a closed list, each with what it may be.
import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { DynamicConfigSchema, type PutDynamicConfigRequest } from '@robustmq/rpc';
import type { ClusterDraft } from './draft.ts';
import { MAX_SHARDS_PER_STREAM } from './streams.ts';

const DYNAMIC_CONFIGS: Readonly<Record<string, (value: string) => boolean>> = {
  'streams.default.partitions': (value) =>
    /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= MAX_SHARDS_PER_STREAM,
  'streams.default.mqtt.filter': (value) => value === 'none' || value === 'name',
};

/** Sets or (by an empty value) removes settings, all or none. @throws BrokerError `invalid_argument` */
export function putDynamicConfig({ config }: ClusterDraft, { entries }: PutDynamicConfigRequest): void {
  for (const { key, value } of entries) {
    const check = Object.hasOwn(DYNAMIC_CONFIGS, key) ? DYNAMIC_CONFIGS[key] : undefined;
    if (check === undefined) throw new BrokerError('invalid_argument', `${key} is no dynamic configuration`);
    if (value !== '' && !check(value))
      throw new BrokerError('invalid_argument', `${key} cannot be '${value}'`);
  }
  for (const { key, value } of entries) {
    if (value === '') config.delete(key);
    else config.put(create(DynamicConfigSchema, { key, value }));
  }
}
