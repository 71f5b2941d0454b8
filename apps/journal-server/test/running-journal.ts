// A journal on a real disk or a simulated one, served over gRPC on a free port, with a fake cluster around it.

import { NodeDisk, type CommitLog, type Disk } from '@robustmq/commit-log';
import { MemoryStore } from '@robustmq/kv-store/testing';
import { JournalClient } from '@robustmq/journal-client';
import type { JournalClientOptions, ShardDirectory } from '@robustmq/journal-client/testing';
import { Credentials, RpcServer, ServiceKind } from '@robustmq/rpc';
import { ClusterSecret } from '@robustmq/rpc/testing';
import { silentLog, systemClock, systemTimers, type Clock, type Log } from '@robustmq/runtime';
import { Journal } from '../src/journal.ts';
import { ReadTurns } from '../src/shard/read-turns.ts';
import { openDirectory } from '../src/directory/recovery.ts';
import { addServices, CurrentJournal } from '../src/process/services.ts';
import { INDEX_FAMILY } from '../src/views/topic-index/rows.ts';
import { TopicIndex } from '../src/views/topic-index/topic-index.ts';
import { type FakeCluster } from './fake-cluster.ts';

export { until } from '@robustmq/testkit';

/** What a gateway shows to the journals of these tests. */
export const CREDENTIALS = new Credentials(
  ServiceKind.KAFKA_GATEWAY,
  new ClusterSecret(['a secret for tests, of 32 characters']),
);

export const NODE_ID = 'journal-1';
export const DIRECTORY_ID = 'directory-1';
export const REPLICA = { nodeId: NODE_ID, directoryId: DIRECTORY_ID };
export const SILENT: Log = silentLog;

/** A running journal-server and what it stands on. */
export interface RunningJournal {
  readonly journal: Journal;
  readonly commitLog: CommitLog;
  readonly index: TopicIndex;
  readonly cluster: FakeCluster;
  readonly address: string;
  readonly fatal: () => unknown;
  /** Of the last checkpoint. */
  readonly checkpointPosition: () => number;
  /** Begins and ends of spans. */
  readonly spans: readonly string[];
  directory(): ShardDirectory;
  client(options?: Partial<JournalClientOptions>): JournalClient;
  close(): Promise<void>;
  /** The server only; its clients go on trying. */
  stopServer(): Promise<void>;
  abandonServer(): Promise<void>;
  closeClients(): void;
  /** Ends without a drain: what a killed process leaves. */
  abandon(): Promise<void>;
}

/** Starts one. The incarnation must grow with every start on the same data. */
export async function startJournal(options: {
  dataDirectory: string;
  cluster: FakeCluster;
  incarnation: number;
  disk?: Disk;
  port?: number;
  fileBytes?: number;
  diskIsFull?: () => boolean;
  clock?: Clock;
  log?: Log;
}): Promise<RunningJournal> {
  const { cluster, incarnation } = options;
  const disk = options.disk ?? new NodeDisk();
  const opened = await openDirectory(disk, options.dataDirectory, {
    nowMs: systemClock.monotonicMs(),
    fileBytes: options.fileBytes ?? 8 * 1024 * 1024,
  });
  let fatal: unknown;
  const identity = { nodeId: NODE_ID, incarnation, directoryId: DIRECTORY_ID };
  const turns = new ReadTurns(systemClock, systemTimers);
  const index = new TopicIndex(new MemoryStore([INDEX_FAMILY]), options.log ?? SILENT, turns);
  const spans: string[] = [];
  const journal = new Journal(
    {
      index,
      views: [index.feed],
      startSpan: ({ traceparent }) => {
        spans.push(`begin ${traceparent}`);
        return { end: () => spans.push('end') };
      },
      disk,
      dataDirectory: options.dataDirectory,
      clock: options.clock ?? systemClock,
      timers: systemTimers,
      turns,
      cluster: cluster.port(identity),
      log: options.log ?? SILENT,
      onFatal: (error) => (fatal = error),
      ...(options.diskIsFull === undefined ? {} : { diskIsFull: options.diskIsFull }),
    },
    opened,
  );
  const unexpected: unknown[] = [];
  const rpc = new RpcServer({
    credentials: CREDENTIALS,
    onUnexpected: (error) => void unexpected.push(error),
  });
  const current = new CurrentJournal();
  current.serve(journal);
  addServices(rpc, current);
  const port = await rpc.listen('127.0.0.1', options.port ?? 0, 'test');
  const address = `127.0.0.1:${port}`;
  const clients: JournalClient[] = [];
  const directory = (): ShardDirectory => ({
    revision: () => cluster.revision,
    leaderOf(streamId, shard) {
      const row = cluster.streams.get(streamId)?.shards[shard];
      return row === undefined || row.leader === ''
        ? undefined
        : { nodeId: row.leader, leaderEpoch: row.leaderEpoch };
    },
    hasStream: (streamId) => cluster.streams.has(streamId),
    journals: () => [{ nodeId: NODE_ID, address }],
    onChange: (listener) => cluster.onChange(listener),
  });
  const closeClients = (): void => {
    for (const client of clients) client.close();
  };
  const stopServer = async (): Promise<void> => {
    await journal.close();
    await rpc.close(100);
  };
  const abandonServer = async (): Promise<void> => {
    await rpc.close(1);
    await journal.abandon();
  };
  return {
    journal,
    commitLog: opened.commitLog,
    index,
    cluster,
    address,
    fatal: () => fatal,
    checkpointPosition: () => opened.store.latest.position,
    spans,
    directory,
    client(clientOptions = {}) {
      const client = new JournalClient({
        directory: directory(),
        identity: { nodeId: 'mqtt-1', incarnation: 1 },
        kind: ServiceKind.MQTT_GATEWAY,
        credentials: CREDENTIALS,
        producerIds: { base: 1000, count: 100 },
        ...clientOptions,
      });
      clients.push(client);
      return client;
    },
    closeClients,
    stopServer,
    abandonServer,
    async close() {
      closeClients();
      await stopServer();
    },
    async abandon() {
      closeClients();
      await abandonServer();
    },
  };
}
