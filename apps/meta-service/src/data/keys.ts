// Row keys of a data group. A NUL ends each text, so that a prefix is never another key's beginning.

const text = (...parts: string[]): Buffer => Buffer.from(parts.join('\u0000'));

export const sessionKey = (tenant: string, clientId: string): Buffer => text('s', tenant, clientId);
export const groupKey = (tenant: string, groupId: string): Buffer => text('g', tenant, groupId);

/** Prefix of a group's offsets. */
export const offsetsPrefix = (tenant: string, groupId: string): Buffer => text('o', tenant, groupId, '');

export function offsetKey(tenant: string, groupId: string, streamId: number, shard: number): Buffer {
  const place = Buffer.alloc(8);
  place.writeUInt32BE(streamId, 0);
  place.writeUInt32BE(shard, 4);
  return Buffer.concat([offsetsPrefix(tenant, groupId), place]);
}

/** Sessions by the time at which they expire; value: the session's key fields. */
export function expiryKey(expiresAtMs: bigint, tenant: string, clientId: string): Buffer {
  return text('e', String(expiresAtMs).padStart(20, '0'), tenant, clientId);
}

/** Sessions by the incarnation that owns them. */
export function ownerKey(nodeId: string, incarnation: bigint, tenant: string, clientId: string): Buffer {
  return text('w', nodeId, String(incarnation), tenant, clientId);
}

export const ownerPrefix = (nodeId: string, incarnation: bigint): Buffer =>
  text('w', nodeId, String(incarnation), '');

/** The first key after every key with this prefix. */
export function afterPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i] ?? 0;
    if (byte === 0xff) continue;
    end[i] = byte + 1;
    return end.subarray(0, i + 1);
  }
  return Buffer.from([0xff]);
}
