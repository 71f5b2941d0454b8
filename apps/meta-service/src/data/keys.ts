// Row keys of a data group (docs/en/formats/meta-log.md). A NUL ends each text, so that a prefix is never another key's
// beginning; a text that has one itself is escaped, so that no name can reach another tenant's rows (I10).

/**
 * What the first text of a key says. The last five belong to capabilities that do not exist yet: their letters are taken
 * now, so that no row has to move for them.
 */
export const KEY_SPACE = {
  sessionHead: 's',
  sessionRow: 'd',
  owner: 'w',
  expiry: 'e',
  group: 'g',
  groupRow: 'm',
  idleGroup: 'n',
  offset: 'o',
  sharedGroup: 'h',
  exclusiveSubscription: 'x',
  transaction: 't',
  delayedMessage: 'l',
  dueWill: 'u',
} as const;

/** What a row under a session's prefix is. `will` and `retained` have no writer yet. */
export const SESSION_ROW = {
  cursor: 'c',
  filter: 'f',
  inbound: 'i',
  outbound: 'o',
  retained: 'r',
  start: 'v',
  will: 'w',
} as const;

/** What a row under a group's prefix is. */
export const GROUP_ROW = { member: 'm', target: 't' } as const;

const SEPARATOR = '\u0000';
const ESCAPE = '\u0001';

/** Keeps the order of the texts: an escaped NUL sorts before an escaped 1, both after the end of a text. */
function escaped(part: string): string {
  if (!part.includes(SEPARATOR) && !part.includes(ESCAPE)) return part;
  return part.replaceAll(ESCAPE, `${ESCAPE}\u0002`).replaceAll(SEPARATOR, `${ESCAPE}\u0001`);
}

function unescaped(part: string): string {
  if (!part.includes(ESCAPE)) return part;
  return part.replaceAll(`${ESCAPE}\u0001`, SEPARATOR).replaceAll(`${ESCAPE}\u0002`, ESCAPE);
}

const text = (...parts: string[]): Buffer => Buffer.from(parts.map(escaped).join(SEPARATOR));
/** A key that others begin with. */
const prefix = (...parts: string[]): Buffer => text(...parts, '');

/** The texts of a key that is nothing but texts. */
export function partsOf(key: Buffer): string[] {
  return key.toString().split(SEPARATOR).map(unescaped);
}

export const sessionKey = (tenant: string, clientId: string): Buffer =>
  text(KEY_SPACE.sessionHead, tenant, clientId);

/** Heads of the client ids that begin with a text. */
export const sessionHeads = (tenant: string, clientIdPrefix: string): Buffer =>
  text(KEY_SPACE.sessionHead, tenant, clientIdPrefix);

/** Prefix of all rows of a session but its head. */
export const sessionRows = (tenant: string, clientId: string): Buffer =>
  prefix(KEY_SPACE.sessionRow, tenant, clientId);

const rowsOf = (tenant: string, clientId: string, kind: string): Buffer =>
  prefix(KEY_SPACE.sessionRow, tenant, clientId, kind);

export const filterKey = (tenant: string, clientId: string, filter: string): Buffer =>
  text(KEY_SPACE.sessionRow, tenant, clientId, SESSION_ROW.filter, filter);

export const filterRows = (tenant: string, clientId: string): Buffer =>
  rowsOf(tenant, clientId, SESSION_ROW.filter);

export const startKey = (tenant: string, clientId: string, id: number): Buffer =>
  numbered(rowsOf(tenant, clientId, SESSION_ROW.start), id);

export const cursorKey = (tenant: string, clientId: string, streamId: number, shard: number): Buffer =>
  numbered(rowsOf(tenant, clientId, SESSION_ROW.cursor), streamId, shard);

export const inboundKey = (tenant: string, clientId: string, packetId: number): Buffer =>
  numbered(rowsOf(tenant, clientId, SESSION_ROW.inbound), packetId);

export const outboundKey = (tenant: string, clientId: string, packetId: number): Buffer =>
  numbered(rowsOf(tenant, clientId, SESSION_ROW.outbound), packetId);

export const outboundRows = (tenant: string, clientId: string): Buffer =>
  rowsOf(tenant, clientId, SESSION_ROW.outbound);

export const groupKey = (tenant: string, groupId: string): Buffer => text(KEY_SPACE.group, tenant, groupId);

/** Prefix of a group's members and targets. */
export const groupRows = (tenant: string, groupId: string): Buffer =>
  prefix(KEY_SPACE.groupRow, tenant, groupId);

export const memberKey = (tenant: string, groupId: string, memberId: string): Buffer =>
  text(KEY_SPACE.groupRow, tenant, groupId, GROUP_ROW.member, memberId);

export const targetKey = (tenant: string, groupId: string, memberId: string): Buffer =>
  text(KEY_SPACE.groupRow, tenant, groupId, GROUP_ROW.target, memberId);

/** Prefix of a group's offsets. */
export const offsetsPrefix = (tenant: string, groupId: string): Buffer =>
  prefix(KEY_SPACE.offset, tenant, groupId);

/** Prefix of the offsets of all groups. */
export const allOffsets = (): Buffer => prefix(KEY_SPACE.offset);

/** Groups without members by the time since when. */
export const idleGroupKey = (idleSinceMs: bigint, tenant: string, groupId: string): Buffer =>
  text(KEY_SPACE.idleGroup, String(idleSinceMs).padStart(20, '0'), tenant, groupId);

/** Prefix of all groups without members. */
export const idleGroups = (): Buffer => prefix(KEY_SPACE.idleGroup);

export const offsetKey = (tenant: string, groupId: string, streamId: number, shard: number): Buffer =>
  numbered(offsetsPrefix(tenant, groupId), streamId, shard);

/** Sessions by the time at which they expire. */
export const expiryKey = (expiresAtMs: bigint, tenant: string, clientId: string): Buffer =>
  text(KEY_SPACE.expiry, String(expiresAtMs).padStart(20, '0'), tenant, clientId);

/** Prefix of all expiries. */
export const expiries = (): Buffer => prefix(KEY_SPACE.expiry);

/** Sessions by the incarnation that owns them. */
export const ownerKey = (nodeId: string, incarnation: bigint, tenant: string, clientId: string): Buffer =>
  text(KEY_SPACE.owner, nodeId, String(incarnation), tenant, clientId);

export const ownerPrefix = (nodeId: string, incarnation: bigint): Buffer =>
  prefix(KEY_SPACE.owner, nodeId, String(incarnation));

/** Prefix of the sessions of all owners. */
export const owners = (): Buffer => prefix(KEY_SPACE.owner);

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

/** Numbers of 4 bytes behind a prefix, so that keys sort by them. */
function numbered(prefix: Buffer, ...numbers: number[]): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + 4 * numbers.length);
  prefix.copy(key);
  numbers.forEach((number, i) => key.writeUInt32BE(number, prefix.length + 4 * i));
  return key;
}
