// What handlers work with: the gateway's parts, and what is known of the request.
import type { Principal } from '@robustmq/access-control';
import type { AnswerMemory } from './answer-memory.ts';
import type { Overlap } from './overlap.ts';
import type { FetchSessionCache } from './fetch-session-cache.ts';
import type { GroupCoordinator } from './groups/group-coordinator.ts';
import type { GroupStorePort } from '@robustmq/meta-client';
import type { DebugSwitch, RateLimitedLog } from '@robustmq/telemetry';
import type { Log, TurnShare } from '@robustmq/runtime';
import type { FetchWindow } from './fetch-window.ts';
import type { BatchLine } from './produce/batch-line.ts';
import type { CheckShare } from './produce/check-share.ts';
import type { ClusterViewPort, JournalPort, TopicCommandsPort } from './ports.ts';
import type { ProducerIdAllocator } from './producer-id-allocator.ts';

/** Settings that handlers obey; the configuration schema gives names, defaults and limits. */
export interface GatewaySettings {
  readonly tenant: string;
  /** host:port to show to clients, or undefined: the address that the client dialled. */
  readonly advertisedAddress: { readonly host: string; readonly port: number } | undefined;
  readonly autoCreateTopics: boolean;
  readonly allowProduceToMqtt: boolean;
  readonly maxBatchBytes: number;
  readonly maxFetchBytes: number;
  readonly maxFetchWaitMs: number;
  readonly maxOffsetMetadataBytes: number;
}

/** Plain counters; instruments read them. */
export interface GatewayCounters {
  connections: number;
  requests: number;
  unsupportedVersions: number;
  malformedFrames: number;
  producedBatches: number;
  producedBytes: number;
  fetchedBytes: number;
}

/** The parts of the gateway that handlers use. */
export interface GatewayParts {
  readonly settings: GatewaySettings;
  readonly cluster: ClusterViewPort;
  readonly topics: TopicCommandsPort;
  readonly journal: JournalPort;
  readonly groupStore: GroupStorePort;
  readonly groups: GroupCoordinator;
  readonly fetchSessions: FetchSessionCache;
  /** Answers that clients have not taken yet. */
  readonly answers: AnswerMemory;
  /** The share of the loop that all requests have. */
  readonly turns: TurnShare;
  /** What checks of produced batches share. */
  readonly checks: CheckShare;
  readonly producerIds: ProducerIdAllocator;
  readonly counters: GatewayCounters;
  readonly log: Log;
  /** For lines that a stranger can cause (N14). */
  readonly strangers: RateLimitedLog;
  readonly debug: DebugSwitch;
  /** Wall clock in ms. */
  readonly nowMs: () => number;
}

/** A client's connection as handlers see it. */
export interface ConnectionInfo {
  readonly id: number;
  readonly clientHost: string;
  /** On whose behalf it acts; what that may do is asked by the rules of each API (`ApiDefinition.access`). */
  readonly principal: Principal;
  /** The address that the client dialled. */
  readonly localHost: string;
  readonly localPort: number;
  /** Set from ApiVersions, for logs. */
  clientSoftware: string;
  /** What it produces, on the way through the check. */
  readonly batches: BatchLine;
  /** How much its next Fetch may bring. */
  readonly fetchWindow: FetchWindow;
  /** Aborted when the connection is gone. */
  readonly closed: AbortSignal;
}

/** One request. */
export interface RequestContext {
  /** Its place among the requests of its connection. Who works in slices and must not be overtaken makes it exclusive. */
  readonly place: { overlap: Overlap; readonly sizeBytes: number };
  readonly gateway: GatewayParts;
  readonly connection: ConnectionInfo;
  readonly apiVersion: number;
  readonly clientId: string;
}
