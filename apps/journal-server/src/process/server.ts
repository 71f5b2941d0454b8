// Assembles a journal-server: data directory, registrations, gRPC. The process around it (signals, exit) is main's.

import { NodeDisk, type DirectoryLock, type Disk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { Incarnations, MetaClient, type NodeDescription, type Registration } from '@robustmq/meta-client';
import { RpcServer, ServiceKind, type Credentials } from '@robustmq/rpc';
import { DiskWatermark, systemClock, systemTimers, type Log } from '@robustmq/runtime';
import { RateLimitedLog, type TraceSampler } from '@robustmq/telemetry';
import type { JournalConfig } from '../config.ts';
import { joinCluster, openDirectoryFacts } from '../directory/directory-id.ts';
import { openDirectory, type OpenedDirectory } from '../directory/recovery.ts';
import { Journal } from '../journal.ts';
import { ReadTurns } from '../shard/read-turns.ts';
import { openIndexStore } from '../views/topic-index/index-store.ts';
import { TopicIndex } from '../views/topic-index/topic-index.ts';
import { appendSpan } from './append-span.ts';
import { clusterPort } from './cluster-adapter.ts';
import type { ServerFigures } from './metrics.ts';
import { Openings } from './openings.ts';
import { addServices, CurrentJournal } from './services.ts';

/** A running server: one incarnation after the other, in one process. */
export interface JournalServer {
  /** The journal that serves; undefined between two incarnations. */
  readonly journal: Journal | undefined;
  /** What keeps it from serving; null when nothing does. */
  readonly problem: string | null;
  /** host:port of gRPC. */
  readonly address: string;
  /** Drains and ends; idempotent by its caller. */
  close(): Promise<void>;
}

/** What the process lends to the server. */
export interface ServerSurroundings {
  readonly log: Log;
  readonly credentials: Credentials;
  readonly opsAddress: string;
  readonly version: string;
  readonly sampler: TraceSampler;
  readonly figures: ServerFigures;
  /** The disk failed, or can't be opened again: the process must end, a new one begins from what is durable. */
  readonly onFatal: (error: BrokerError) => void;
}

/** What one incarnation begins with. */
interface Opened {
  readonly directory: OpenedDirectory;
  readonly turns: ReadTurns;
  readonly index: TopicIndex;
  readonly watermark: DiskWatermark;
}

interface Serving {
  readonly journal: Journal;
  readonly watermark: DiskWatermark;
}

/** How long running calls may finish when the server drains. */
const CALLS_TIMEOUT_MS = 1_000;

/** Starts a journal-server; its first incarnation serves when it resolves. @throws BrokerError */
export async function startServer(config: JournalConfig, around: ServerSurroundings): Promise<JournalServer> {
  const { log, credentials } = around;
  const disk = new NodeDisk();
  // Before the first byte is read or written: what another process holds is left alone.
  const lock = disk.lock(config.data.dir);
  const facts = await openDirectoryFacts(disk, config.data.dir, config.node.id, log);
  const openings = openingsOf(config, around, disk, lock);
  await openings.prepare();
  const meta = new MetaClient({ addresses: config.meta.addresses, credentials, log });
  await meta.ready();
  await joinCluster(disk, config.data.dir, facts, meta.view.clusterId);
  const rpc = newRpcServer(around);
  const current = new CurrentJournal();
  // Streams that come before the journal is open wait: grpc-js has accepted them, nothing has been read.
  addServices(rpc, current);
  const port = await rpc.listen(config.grpc.host, config.grpc.port, 'grpc.port');
  const address = config.grpc.advertised || `${config.grpc.host}:${port}`;
  const server = new RunningServer({
    address,
    description: describeNode(config, around, facts.directoryId, address),
    meta,
    rpc,
    current,
    openings,
    journalOf: (registration, opened) =>
      journalOf(config, around, disk, clusterPort(meta, registration), opened),
    log,
    onFatal: around.onFatal,
  });
  await server.begin();
  return server;
}

interface RunningServerOptions {
  readonly address: string;
  readonly description: NodeDescription;
  readonly meta: MetaClient;
  readonly rpc: RpcServer;
  readonly current: CurrentJournal;
  readonly openings: Openings<Opened>;
  readonly journalOf: (registration: Registration, opened: Opened) => Journal;
  readonly log: Log;
  readonly onFatal: (error: BrokerError) => void;
}

class RunningServer implements JournalServer {
  readonly address: string;
  readonly #options: RunningServerOptions;
  readonly #incarnations: Incarnations<Serving>;
  #isClosing = false;

  constructor(options: RunningServerOptions) {
    const { meta, description, log } = options;
    this.#options = options;
    this.address = options.address;
    this.#incarnations = new Incarnations<Serving>({
      meta: {
        view: meta.view,
        register: async (node, onLost) => {
          await this.#prepare();
          return meta.register(node, onLost);
        },
        acknowledgeOwnership: (registration, epoch) => meta.acknowledgeOwnership(registration, epoch),
      },
      description,
      log,
      acknowledgesOwnership: false,
      begin: (registration) => this.#begin(registration),
      end: (serving) => this.#end(serving),
    });
  }

  get journal(): Journal | undefined {
    return this.#options.current.journal;
  }

  get problem(): string | null {
    const { journal } = this;
    return journal === undefined ? 'no lease' : (this.#options.meta.view.problem ?? journal.problem);
  }

  begin(): Promise<void> {
    return this.#incarnations.start();
  }

  async close(): Promise<void> {
    const { rpc, meta, openings } = this.#options;
    this.#isClosing = true;
    const { serving } = this.#incarnations;
    if (serving !== undefined) this.#end(serving);
    await openings.close();
    await this.#incarnations.close();
    await rpc.close(CALLS_TIMEOUT_MS);
    meta.close();
  }

  /** A new incarnation begins from what is durable: the directory is opened before the lease runs. */
  async #prepare(): Promise<void> {
    if (this.#isClosing) throw new BrokerError('unavailable', 'the server drains');
    try {
      await this.#options.openings.prepare();
    } catch (thrown) {
      const error = BrokerError.from(thrown);
      this.#options.onFatal(error);
      throw error;
    }
  }

  #begin(registration: Registration): Serving {
    const { openings, current, journalOf, log, address } = this.#options;
    const opened = openings.take();
    const journal = journalOf(registration, opened);
    current.serve(journal);
    log.info({ address }, 'serving');
    return { journal, watermark: opened.watermark };
  }

  /** Streams are closed and appends refused when this returns; the files are closed later. */
  #end({ journal, watermark }: Serving): void {
    const { current, openings } = this.#options;
    if (current.journal !== journal) return;
    current.rest();
    watermark.close();
    openings.ended(
      journal.close().catch((thrown: unknown) => this.#options.onFatal(BrokerError.from(thrown))),
    );
  }
}

function openingsOf(
  config: JournalConfig,
  around: ServerSurroundings,
  disk: Disk,
  firstLock: DirectoryLock,
): Openings<Opened> {
  const { log, figures } = around;
  let held: DirectoryLock | undefined = firstLock;
  return new Openings({
    open: async () => {
      const lock = held ?? disk.lock(config.data.dir);
      held = undefined;
      const directory = await openDirectory(disk, config.data.dir, {
        lock,
        nowMs: systemClock.monotonicMs(),
        fileBytes: config.commitLog.fileBytes,
      });
      logRecovery(directory, log);
      const turns = new ReadTurns(systemClock, systemTimers);
      const index = new TopicIndex(await openIndexStore(`${config.data.dir}/index`, log), log, turns);
      const watermark = await openWatermark(config, directory, log);
      figures.freeBytes = () => watermark.freeBytes;
      return { directory, turns, index, watermark };
    },
    release: async ({ directory, index, watermark }) => {
      watermark.close();
      await index.feed.close();
      await directory.commitLog.close();
      for (const shard of directory.shards.values()) shard.log.close();
      directory.lock.release();
    },
  });
}

function journalOf(
  config: JournalConfig,
  around: ServerSurroundings,
  disk: Disk,
  cluster: ReturnType<typeof clusterPort>,
  { directory, turns, index, watermark }: Opened,
): Journal {
  return new Journal(
    {
      disk,
      dataDirectory: config.data.dir,
      clock: systemClock,
      timers: systemTimers,
      turns,
      cluster,
      views: [index.feed],
      index,
      log: around.log,
      syncSeconds: around.figures.syncSeconds,
      startSpan: (request) => appendSpan(around.sampler, request),
      diskIsFull: () => watermark.isFull,
      onFatal: (error) => around.onFatal(error),
      checkpointBytes: config.commitLog.checkpointBytes,
      answerBytes: config.limits.answerBytes,
    },
    directory,
  );
}

function newRpcServer({ credentials, log }: ServerSurroundings): RpcServer {
  const strangers = new RateLimitedLog(log);
  return new RpcServer({
    credentials,
    onUnexpected: (err, method) => log.error({ err, method }, 'call failed unexpectedly'),
    onRefused: (err, method) => strangers.warn('call', { err, method }, 'a call was refused'),
  });
}

function describeNode(
  config: JournalConfig,
  around: ServerSurroundings,
  directoryId: string,
  address: string,
): NodeDescription {
  return {
    nodeId: config.node.id,
    kind: ServiceKind.JOURNAL,
    directoryId,
    endpoints: { grpc: address, ops: around.opsAddress },
    zone: config.node.zone,
    version: around.version,
  };
}

async function openWatermark(
  config: JournalConfig,
  opened: OpenedDirectory,
  log: Log,
): Promise<DiskWatermark> {
  const watermark = new DiskWatermark({
    path: config.data.dir,
    refuseBelowFreeBytes: config.disk.refuseBelowFree,
    warnBelowFreeBytes: config.disk.warnBelowFree,
    refused: 'appends',
    reservedBytes: () => opened.commitLog.totalBytes,
    timers: systemTimers,
    log,
  });
  await watermark.look();
  return watermark;
}

function logRecovery(opened: OpenedDirectory, log: Log): void {
  const fields = {
    shards: opened.shards.size,
    replayed_sections: opened.replayedSections,
    torn_tail: opened.recovery.tornTail,
    quarantined: opened.quarantine.names,
  };
  log.info(fields, 'data directory recovered');
}
