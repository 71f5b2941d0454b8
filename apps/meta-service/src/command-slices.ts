// What a reaper finds goes into commands that the log takes, however long the names in it are: keys may have 64 KiB each, and a
// command is applied within one turn of the loop (N8, N13).
import type { KeyValueEntry } from '@robustmq/kv-store';
import { CALL_LIMITS } from '@robustmq/rpc';

/** Bytes of names in a command: half of the least that a log takes, whose smallest frame has 1 MiB. */
const MAX_NAME_BYTES = 256 * 1024;

/** The same rows in order, cut so that a command may name those of one slice. None for no rows. */
export function* commandSlices(rows: readonly KeyValueEntry[]): Generator<readonly KeyValueEntry[]> {
  let from = 0;
  let bytes = 0;
  for (const [at, { key }] of rows.entries()) {
    const isFull = at - from === CALL_LIMITS.sessions || bytes + key.length > MAX_NAME_BYTES;
    if (isFull && at > from) {
      yield rows.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += key.length;
  }
  if (from < rows.length) yield rows.slice(from);
}
