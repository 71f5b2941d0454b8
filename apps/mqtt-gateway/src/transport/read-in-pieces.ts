// The library reads every frame of a chunk in the turn that brings it, and a chunk may hold ten thousand of them: each costs as
// much as a packet. So it is given the bytes in pieces, in the share of the loop that all WebSockets have (N8).

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { TurnShare } from '@robustmq/runtime';

/** Holds some hundred of the smallest frames: a fraction of a millisecond. What a large frame still lacks may come at once. */
export const PIECE_BYTES = 1024;

/**
 * Reads the socket of a WebSocket, which no longer flows by itself: whoever reads it in pieces has `data` told to the library. Not
 * while the WebSocket is paused.
 */
export function readInPieces(
  webSocket: WebSocket,
  socket: Duplex,
  frame: { readonly leftBytes: number },
  turns: TurnShare,
): void {
  const [library] = socket.listeners('data');
  // Behind a closing frame or an error the library listens no more, and what comes is read to be dropped.
  const isHeld = (): boolean =>
    webSocket.isPaused && library !== undefined && socket.listeners('data').includes(library);
  const readOn = (): void => {
    while (!isHeld()) {
      if (!turns.isOpen) {
        turns.wait(readOn);
        return;
      }
      const wantedBytes = Math.max(PIECE_BYTES, frame.leftBytes);
      // Without anything there it is asked for a byte, so that it tells of the next one.
      if (socket.read(Math.max(1, Math.min(wantedBytes, socket.readableLength))) === null) return;
    }
  };
  socket.on('readable', readOn);
  // The WebSocket goes on; it also says so behind a closing frame.
  socket.on('resume', readOn);
  socket.on('close', () => turns.forget(readOn));
}
