// Which TCP connections a process has, from /proc: what leaks, or is there twice, is seen from outside.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const ESTABLISHED = '01';
const INODE_FIELD = 9;

/** Remote ports of the established IPv4 connections of a process, one entry for each. */
export function remotePorts(pid: number): number[] {
  const inodes = socketInodes(pid);
  return rows(pid).flatMap(({ remotePort, inode }) => (inodes.has(inode) ? [remotePort] : []));
}

/** How many connections a process has to a port. */
export function connectionsTo(pid: number, port: number): number {
  return remotePorts(pid).filter((each) => each === port).length;
}

interface Row {
  readonly remotePort: number;
  readonly inode: string;
}

function rows(pid: number): Row[] {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'latin1').trim().split('\n').slice(1);
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, remotePort = '0'] = (fields[2] ?? '').split(':');
    if (fields[3] !== ESTABLISHED) return [];
    return [{ remotePort: Number.parseInt(remotePort, 16), inode: fields[INODE_FIELD] ?? '' }];
  });
}

function socketInodes(pid: number): Set<string> {
  const found = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
    if (inode !== undefined) found.add(inode);
  }
  return found;
}

/** Where it leads; empty when it was closed meanwhile. */
function linkOf(descriptor: string): string {
  try {
    return readlinkSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
