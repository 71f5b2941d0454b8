// What tests of other packages need: a client of a directory of their own.

export { type JournalClientOptions } from './client.ts';
export { type ShardDirectory } from './directory.ts';
