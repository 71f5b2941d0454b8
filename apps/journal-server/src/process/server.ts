// Assembles a journal-server: data directory, registration, gRPC. The process around it (signals, exit) is main's.

import { NodeDisk, type Disk } from '@robustmq/commit-log';
import type { BrokerError } from '@robustmq/errors';
import {
  MetaClient,
  uuidText,
  type NodeDescription,
  type Registration,
  type ViewChange,
} from '@robustmq/meta-client';
import {
  JournalService,
  registerExchangeCodec,
  RpcServer,
  serverLink,
  ServiceKind,
  type Credentials,
  type ServiceHost,
} from '@robustmq/rpc';
import { systemClock, systemTimers, type Log } from '@robustmq/runtime';
import { ATTRIBUTES, parseTraceparent, RateLimitedLog, type TraceSampler } from '@robustmq/telemetry';
import { JournalCalls } from './calls.ts';
import type { ClusterPort } from '../shard/cluster-port.ts';
import type { JournalConfig } from '../config.ts';
import { joinCluster, openDirectoryFacts } from '../directory/directory-id.ts';
import { DiskWatermark } from '../directory/disk-watermark.ts';
import { Journal } from '../journal.ts';
import type { AppendRequest, AppendSpan } from '../shard/pending.ts';
import { openDirectory, type OpenedDirectory } from '../directory/recovery.ts';
import type { ServerFigures } from './metrics.ts';
import { ReadTurns } from '../shard/read-turns.ts';
import { openIndexStore } from '../views/topic-index/index-store.ts';
import { TopicIndex } from '../views/topic-index/topic-index.ts';

/** A running server. */
export interface JournalServer {
  readonly journal: Journal;
  /** What keeps it from serving; null when nothing does. */
  readonly problem: string | null;
  /** host:port of gRPC. */
  readonly address: string;
  /** Drains and ends; idempotent by its caller. */
  close(): Promise<void>;
  /** Ends without a drain, for a lease that is lost: nothing is answered any more from the call on. */
  end(): Promise<void>;
}

/** What the process lends to the server. */
export interface ServerSurroundings {
  readonly log: Log;
  readonly credentials: Credentials;
  readonly opsAddress: string;
  readonly version: string;
  readonly sampler: TraceSampler;
  readonly figures: ServerFigures;
  /** The disk failed: the process must end, a new incarnation begins from what is durable. */
  readonly onFatal: (error: BrokerError) => void;
  /** The lease is over: this server must {@link JournalServer.end} at once. */
  readonly onLeaseLost: (reason: string) => void;
}

const REVISION_TIMEOUT_MS = 10_000;
/** How long running calls may finish when the server drains. */
const CALLS_TIMEOUT_MS = 1_000;

/** Starts a journal-server; ready when it resolves and {@link Journal.ready}. */
export async function startServer(config: JournalConfig, around: ServerSurroundings): Promise<JournalServer> {
  const { log } = around;
  const disk = new NodeDisk();
  // Before the first byte is read or written: what another process holds is left alone.
  const lock = disk.lock(config.data.dir);
  const directoryFacts = await openDirectoryFacts(disk, config.data.dir, config.node.id, log);
  const opened = await openDirectory(disk, config.data.dir, {
    lock,
    nowMs: systemClock.monotonicMs(),
    fileBytes: config.commitLog.fileBytes,
  });
  logRecovery(opened, log);
  const { credentials } = around;
  const meta = new MetaClient({ addresses: config.meta.addresses, credentials, log });
  await meta.ready();
  await joinCluster(disk, config.data.dir, directoryFacts, meta.view.clusterId);
  const rpc = newRpcServer(around);
  // Streams that come before the journal is open wait: grpc-js has accepted them, nothing has been read.
  const opening = Promise.withResolvers<Journal>();
  addServices(rpc, opening.promise);
  const port = await rpc.listen(config.grpc.host, config.grpc.port, 'grpc.port');
  const address = config.grpc.advertised || `${config.grpc.host}:${port}`;
  const description = describeNode(config, around, directoryFacts.directoryId, address);
  const registration = await meta.register(description, around.onLeaseLost);
  await meta.view.waitForRevision(registration.revision, REVISION_TIMEOUT_MS);
  const watermark = await openWatermark(config, opened, log);
  around.figures.freeBytes = () => watermark.freeBytes;
  const turns = new ReadTurns(systemClock, systemTimers);
  const index = new TopicIndex(await openIndexStore(`${config.data.dir}/index`, log), log, turns);
  const journal = new Journal(
    {
      index,
      views: [index.feed],
      syncSeconds: around.figures.syncSeconds,
      startSpan: (request) => appendSpan(around.sampler, request),
      disk: disk satisfies Disk,
      dataDirectory: config.data.dir,
      clock: systemClock,
      timers: systemTimers,
      turns,
      cluster: clusterPort(meta, registration),
      log,
      diskIsFull: () => watermark.isFull,
      onFatal: (error) => around.onFatal(error),
      checkpointBytes: config.commitLog.checkpointBytes,
      answerBytes: config.limits.answerBytes,
    },
    opened,
  );
  opening.resolve(journal);
  return {
    journal,
    get problem() {
      return meta.view.problem ?? journal.problem;
    },
    address,
    close: async () => {
      watermark.close();
      await journal.close();
      await registration.release();
      await rpc.close(CALLS_TIMEOUT_MS);
      meta.close();
    },
    end: async () => {
      watermark.close();
      meta.close();
      await journal.close();
      await rpc.close(0);
    },
  };
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
    reservedBytes: () => opened.commitLog.totalBytes,
    timers: systemTimers,
    log,
  });
  await watermark.look();
  return watermark;
}

/** From the arrival of a sampled batch to its acknowledgement. */
function appendSpan(sampler: TraceSampler, request: AppendRequest): AppendSpan | null {
  const parent = sampler.isOn ? parseTraceparent(request.traceparent) : null;
  if (parent === null) return null;
  const attributes = {
    [ATTRIBUTES.streamId]: request.streamId,
    [ATTRIBUTES.shard]: request.shard,
    [ATTRIBUTES.batchBytes]: request.bytes.length,
  };
  return sampler.start('append', parent, { attributes });
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

/** Registers the services of a journal that may still be opening. */
export function addServices(rpc: ServiceHost, opening: Promise<Journal>): void {
  registerExchangeCodec();
  let journal: Journal | undefined;
  let calls: JournalCalls | undefined;
  void opening.then((opened) => {
    journal = opened;
    calls = new JournalCalls(opened);
  });
  const ready = async (): Promise<JournalCalls> => calls ?? new JournalCalls(await opening);
  rpc.add(JournalService, {
    exchange: (stream) => {
      if (journal !== undefined) journal.accept(serverLink(stream));
      else
        void opening.then((opened) => {
          // Given up meanwhile: nobody would ever tell its end.
          if (!stream.cancelled) opened.accept(serverLink(stream));
        });
    },
    listOffsets: async (request) => (await ready()).listOffsets(request),
    endOffsetsForEpochs: async (request) => (await ready()).endOffsetsForEpochs(request),
    describeShards: async (request) => (await ready()).describeShards(request),
    deleteRecords: async (request) => (await ready()).deleteRecords(request),
  });
}

/** What the journal needs of the cluster, by its client of meta-service. */
export function clusterPort(meta: MetaClient, registration: Registration): ClusterPort {
  const { nodeId, incarnation, directoryId } = registration.identity;
  return {
    identity: { nodeId, incarnation: Number(incarnation), directoryId },
    revision: () => meta.view.revision,
    streams: () => meta.view.streams.values(),
    stream: (streamId) => meta.view.streams.get(streamId),
    hasEnded: (gateway, ofIncarnation) => meta.view.hasEnded(gateway, ofIncarnation),
    onChange: (listener) => meta.view.onChange((changes) => listener(changes.flatMap(streamIdOf))),
    claimLeadership: async () => {
      await meta.cluster.claimLeadership({ node: registration.identity });
    },
    alterIsr: async (streamId, shard, { leaderEpoch, isrVersion, members }) => {
      const altered = await meta.cluster.alterIsr({
        node: registration.identity,
        shard: { streamId, shard },
        leaderEpoch,
        isrVersion,
        members: members.map((member) => ({ ...member, incarnation: BigInt(member.incarnation) })),
      });
      return {
        version: altered.isrVersion,
        members: altered.members.map((member) => ({
          nodeId: member.nodeId,
          incarnation: Number(member.incarnation),
        })),
      };
    },
    listDeletions: async () => {
      const { streams } = await meta.cluster.listDeletions({ node: registration.identity });
      return streams.map(({ streamId, topicId }) => ({ streamId, topicId: uuidText(topicId) }));
    },
    acknowledgeDeletions: async (streamIds) => {
      await meta.cluster.acknowledgeDeletions({ node: registration.identity, streamIds: [...streamIds] });
    },
  };
}

function streamIdOf(change: ViewChange): number[] {
  return change.kind === 'stream' || change.kind === 'streamDeleted' ? [change.stream.streamId] : [];
}
