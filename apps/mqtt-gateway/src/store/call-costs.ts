// What an entry of a call costs meta-service: its rows, and its bytes as rows of ordinary length. A call is applied as one
// command, and a command takes the loop that renews everybody's lease (N8).

import type { OpenSession, ReleaseSession, SessionUpdate, ShardPosition } from '@robustmq/rpc';

/** Rows of one call. */
export const MAX_ROWS = 512;
/** An ordinary row. */
const ROW_BYTES = 256;
const POSITION_BYTES = 16;

const ofText = (text: string): number => Math.floor(text.length / ROW_BYTES);
const ofPositions = (positions: readonly ShardPosition[]): number =>
  Math.floor((positions.length * POSITION_BYTES) / ROW_BYTES);

/** Cost of opening a session: its client id comes back as well. */
export function costOfOpen({ clientId }: OpenSession): number {
  return 1 + 2 * ofText(clientId);
}

/** Cost of a release. */
export function costOfRelease({ places }: ReleaseSession): number {
  return 1 + (places?.cursors.length ?? 0) + (places?.outbound.length ?? 0);
}

/** Cost of a change. */
export function costOfUpdate(update: SessionUpdate): number {
  let cost = 1 + update.putCursors.length + update.removeCursors.length;
  cost += update.putInbound.length + update.removeInbound.length;
  cost += update.putOutbound.length + update.removeOutbound.length;
  for (const { filter } of update.putSubscriptions) cost += 1 + ofText(filter);
  for (const filter of update.removeSubscriptions) cost += 1 + ofText(filter);
  for (const { positions } of update.putStarts) cost += 1 + ofPositions(positions);
  return cost + update.removeStarts.length;
}
