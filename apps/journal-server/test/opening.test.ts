// Streams that come while the journal opens (rules N7, N9): they wait, and one that gives up leaves nothing behind.

import { EventEmitter } from 'node:events';
import type { RpcServer } from '@robustmq/rpc';
import type { Journal } from '../src/journal.ts';
import { addServices } from '../src/process/server.ts';

class WaitingStream extends EventEmitter {
  cancelled = false;
}

test('N7: a stream that is cancelled while the journal opens is never accepted', async () => {
  const opening = Promise.withResolvers<Journal>();
  let exchange: ((stream: WaitingStream) => void) | undefined;
  const rpc = {
    add: (_service: unknown, calls: { exchange: typeof exchange }) => {
      exchange = calls.exchange;
    },
  };
  addServices(rpc as unknown as RpcServer, opening.promise);
  const accepted: unknown[] = [];
  const [gone, patient] = [new WaitingStream(), new WaitingStream()];
  exchange!(gone);
  exchange!(patient);
  gone.cancelled = true;
  gone.emit('cancelled');
  opening.resolve({ accept: (link: unknown) => accepted.push(link) } as unknown as Journal);
  await opening.promise;
  expect(accepted).toHaveLength(1);
  expect([gone.listenerCount('data'), patient.listenerCount('data')]).toEqual([0, 1]);
});
