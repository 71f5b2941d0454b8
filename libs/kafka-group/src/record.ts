// The stored form of a group: written once per rebalance, opaque to meta (rule K2). All integers big-endian; strings
// and byte ranges are a uvarint length and the bytes; a null string is length 0, any other is its length plus one.
//
//   uint8 version (1) | string protocolType | int32 generation | string? protocol | string? leader
//   uvarint memberCount, per member: string memberId | string? instanceId | string clientId | string clientHost
//     | int32 sessionTimeoutMs | int32 rebalanceTimeoutMs | bytes assignment
//     | uvarint protocolCount, per protocol: string name | bytes metadata
import { ByteReader, ByteWriter } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import type { GroupState, Member } from './group-state.ts';
import type { GroupRecord, GroupStateName, Protocol } from './types.ts';

const VERSION = 1;

/** Encodes the group; `state` is only for listing. */
export function encodeGroup(group: GroupState, state: GroupStateName): GroupRecord {
  const w = new ByteWriter();
  w.writeInt8(VERSION);
  writeText(w, group.protocolType);
  w.writeInt32(group.generationId);
  writeText(w, group.protocolName);
  writeText(w, group.leaderId);
  w.writeUVarint(group.members.size);
  for (const member of group.members.values()) writeMember(w, member);
  return { metadata: w.finishCopy(), state, protocolType: group.protocolType };
}

function writeMember(w: ByteWriter, member: Member): void {
  writeText(w, member.memberId);
  writeText(w, member.groupInstanceId);
  writeText(w, member.clientId);
  writeText(w, member.clientHost);
  w.writeInt32(member.sessionTimeoutMs);
  w.writeInt32(member.rebalanceTimeoutMs);
  writeBytes(w, member.assignment);
  w.writeUVarint(member.protocols.length);
  for (const { name, metadata } of member.protocols) {
    writeText(w, name);
    writeBytes(w, metadata);
  }
}

/**
 * Fills an empty group from its stored form. Every member gets a full session timeout from `nowMs` on (rule K2).
 * @throws BrokerError corrupt
 */
export function decodeGroup(group: GroupState, metadata: Buffer, nowMs: number): void {
  try {
    const r = new ByteReader(metadata);
    const version = r.readUInt8();
    if (version !== VERSION) throw new BrokerError('unsupported', `group record of version ${version}`);
    group.protocolType = readText(r) ?? '';
    group.generationId = r.readInt32();
    group.protocolName = readText(r);
    const leaderId = readText(r);
    for (let count = r.readUVarint(); count > 0; count -= 1) group.insert(readMember(r, nowMs));
    group.leaderId = leaderId;
    group.state = group.members.size === 0 ? 'Empty' : 'Stable';
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'malformed') {
      throw new BrokerError('corrupt', `record of group ${group.groupId} cannot be read`, { cause: error });
    }
    throw error;
  }
}

function readMember(r: ByteReader, nowMs: number): Member {
  const memberId = readText(r) ?? '';
  const groupInstanceId = readText(r);
  const clientId = readText(r) ?? '';
  const clientHost = readText(r) ?? '';
  const sessionTimeoutMs = r.readInt32();
  const rebalanceTimeoutMs = r.readInt32();
  const assignment = readBytes(r);
  const protocols: Protocol[] = [];
  for (let count = r.readUVarint(); count > 0; count -= 1) {
    protocols.push({ name: readText(r) ?? '', metadata: readBytes(r) });
  }
  return {
    memberId,
    groupInstanceId,
    clientId,
    clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocols,
    assignment,
    isNew: false,
    joinToken: undefined,
    rejoined: false,
    syncToken: undefined,
    synced: true,
    deadlineMs: nowMs + sessionTimeoutMs,
    supportSkippingAssignment: false,
  };
}

function writeText(w: ByteWriter, text: string | null): void {
  if (text === null) {
    w.writeUVarint(0);
    return;
  }
  w.writeUVarint(Buffer.byteLength(text) + 1);
  w.writeString(text);
}

function readText(r: ByteReader): string | null {
  const sizeBytes = r.readUVarint() - 1;
  return sizeBytes < 0 ? null : r.readString(sizeBytes);
}

function writeBytes(w: ByteWriter, bytes: Buffer): void {
  w.writeUVarint(bytes.length);
  w.writeBytes(bytes);
}

function readBytes(r: ByteReader): Buffer {
  return Buffer.from(r.readBytes(r.readUVarint()));
}
