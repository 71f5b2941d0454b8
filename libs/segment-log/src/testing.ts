// What tests of other packages need: what lies in the files of a log.

export { type CheckpointInput } from './checkpoint.ts';
export { encodeTransactions } from './transaction-index.ts';
