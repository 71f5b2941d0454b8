// What the port says to meta of deletions, and what it makes of the answers (N2).

import type { MetaClient, Registration } from '@robustmq/meta-client';
import { clusterPort } from '../src/process/cluster-adapter.ts';

const identity = { nodeId: 'j', incarnation: 3n, directoryId: 'disk' };

test('N2: deletions are asked for behind a stream, and the view is waited for, with a deadline', async () => {
  const asked: unknown[] = [];
  const waits: { revision: number; timeoutMs: number }[] = [];
  const view = Promise.withResolvers<void>();
  const meta = {
    cluster: {
      listDeletions: (request: unknown) => {
        asked.push(request);
        const streams = [{ streamId: 8, topicId: new Uint8Array(16) }];
        return Promise.resolve({ streams, nextAfterStreamId: 9, revision: 12n });
      },
    },
    view: {
      waitForRevision: (revision: number, timeoutMs: number) => {
        waits.push({ revision, timeoutMs });
        return view.promise;
      },
    },
  } as unknown as MetaClient;
  const port = clusterPort(meta, { identity } as unknown as Registration);
  const page = await port.listDeletions(7);
  expect(asked).toEqual([{ node: identity, afterStreamId: 7 }]);
  const topicId = '00000000-0000-0000-0000-000000000000';
  expect(page).toEqual({ deleted: [{ streamId: 8, topicId }], nextAfterStreamId: 9, revision: 12 });
  let isPast = false;
  const reached = port.reached(page.revision).then(() => (isPast = true));
  await Promise.resolve();
  expect([waits[0]?.revision, isPast]).toEqual([12, false]);
  expect(waits[0]?.timeoutMs).toBeLessThan(60_000);
  view.resolve();
  await reached;
});
