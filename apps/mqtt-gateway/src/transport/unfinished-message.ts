// The message of a WebSocket that has come in part, as the memory for input counts it (I8).

import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { InputMemory, UnfinishedInput } from './input-memory.ts';
import { MessageMeter } from './message-meter.ts';

/** Counts what the WebSocket keeps of a message until it is complete; `overdrawn` when that is too much. Returns what counts. */
export function countUnfinished(
  webSocket: WebSocket,
  socket: Duplex,
  memory: InputMemory,
  overdrawn: () => void,
): Pick<MessageMeter, 'leftBytes'> {
  const meter = new MessageMeter();
  let keptBytes = 0;
  let messages = 0;
  const count = (bytes: number): void => {
    const before = keptBytes;
    if (before === 0 && bytes === 0) return;
    keptBytes = bytes;
    const isAnother = meter.messages !== messages;
    messages = meter.messages;
    memory.unfinished(half, before, bytes, isAnother);
  };
  const stop = (): void => {
    socket.off('data', read);
    count(0);
  };
  const half: UnfinishedInput = {
    overdrawn: () => {
      // Nothing more is read; the socket is cut soon, whether its peer answers the closing frame or not.
      webSocket.pause();
      stop();
      overdrawn();
    },
  };
  // The WebSocket hears of the bytes first: messages that they complete have been received.
  const read = (chunk: Buffer): void => {
    // What comes behind a closing frame or an error is dropped.
    if (webSocket.readyState !== webSocket.OPEN) {
      stop();
      return;
    }
    meter.read(chunk);
    count(meter.bytes);
  };
  socket.on('data', read);
  webSocket.on('close', stop);
  return meter;
}
