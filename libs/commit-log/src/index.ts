// The commit log of a data directory (rules L1, L2, L3, L5) and the disk port that all storage goes through.

export { parentOf, type Disk, type DiskFile } from './disk.ts';
export type { DirectoryLock } from './directory-lock.ts';
export { NodeDisk } from './node-disk.ts';
export { twinFile } from './twin-file.ts';
export type { Section } from './frame.ts';
export { CommitLog, type CommitLogOptions } from './commit-log.ts';
export { type CommitLogRecovery, type RecoveredSection } from './recovery.ts';
