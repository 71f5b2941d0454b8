// A journal in a process of its own, to be killed: `node journal-process.ts <data directory> <incarnation> <port>`.
// The rows of its cluster are made anew at each start, under a leader epoch that grows with the incarnation.

import { FakeCluster } from './fake-cluster.ts';
import { REPLICA, startJournal } from './running-journal.ts';

const [dataDirectory = '', incarnation = '1', port = '0'] = process.argv.slice(2);

async function main(): Promise<void> {
  const cluster = new FakeCluster();
  cluster.create(1, REPLICA, { name: 'mqtt', mqttFilter: '#', leaderEpoch: Number(incarnation) });
  const running = await startJournal({
    dataDirectory,
    cluster,
    incarnation: Number(incarnation),
    port: Number(port),
    fileBytes: 2 * 1024 * 1024,
  });
  process.send?.({ address: running.address });
}

void main();
