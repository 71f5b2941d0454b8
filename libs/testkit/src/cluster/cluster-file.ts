// cluster.json: what runs, where, and the exact command that starts each process again; for scripts and for people.
import { renameSync, writeFileSync } from 'node:fs';

import type { ManagedProcess } from './managed-process.ts';
import type { ProcessSpec } from './service.ts';

/** One row of cluster.json. */
export interface ClusterFileProcess {
  readonly service: string;
  readonly nodeId: string;
  /** null while it is not running. */
  readonly pid: number | null;
  readonly addresses: Readonly<Record<string, string>>;
  readonly dataDir: string;
  readonly logFile: string;
  /** Starts it again, in the foreground, whatever the current folder. */
  readonly command: {
    readonly argv: readonly string[];
    /** On top of the caller's environment. */
    readonly env: Readonly<Record<string, string>>;
    /** The same as one line for a POSIX shell. */
    readonly shell: string;
  };
}

/** The whole of cluster.json. */
export interface ClusterFile {
  readonly version: 1;
  readonly processes: readonly ClusterFileProcess[];
}

/** The description of these processes as they are now. */
export function describeCluster(processes: readonly ManagedProcess[]): ClusterFile {
  return {
    version: 1,
    processes: processes.map(({ spec, pid }) => ({
      service: spec.service,
      nodeId: spec.nodeId,
      pid: pid ?? null,
      addresses: spec.addresses,
      dataDir: spec.dataDir,
      logFile: spec.logFile,
      command: { argv: spec.argv, env: spec.env, shell: shellLine(spec) },
    })),
  };
}

/** The command of a process as one line for a POSIX shell. */
export function shellLine({ argv, env }: Pick<ProcessSpec, 'argv' | 'env'>): string {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`);
  return [...assignments, ...argv.map(quoted)].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Writes cluster.json whole or not at all: a reader never sees half a file. */
export function writeClusterFile(file: string, processes: readonly ManagedProcess[]): void {
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(describeCluster(processes), null, 2)}\n`);
  renameSync(draft, file);
}
