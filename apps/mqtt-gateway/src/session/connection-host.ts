// What the connections of one incarnation share: time, bounds and counters of the process, and those who serve clients.

import type { TopicCache, PublishView } from '@robustmq/mqtt-codec';
import type { PendingAck } from '@robustmq/mqtt-session';
import type { Clock, Log, Timers, TimerWheel } from '@robustmq/runtime';
import type { Boundary } from '../boundary.ts';
import type { ConnectionCounters } from '../connection-counters.ts';
import type { GatewayLimits } from '../limits.ts';
import type { InputMemory } from '../transport/input-memory.ts';
import type { OutputFlusher } from '../transport/output-flusher.ts';
import type { Client } from './client.ts';
import type { ConnectFlow } from './connect-flow.ts';
import type { ReadTurns } from './read-turns.ts';
import type { SessionDirectory } from './session-directory.ts';
import type { SessionEnding } from './session-end.ts';
import type { SubscribeFlow } from './subscribe-flow.ts';

/** Takes what a client publishes. */
export interface PublishSink {
  publish(client: Client, topic: string, view: PublishView, pending: PendingAck | null): void;
}

/** What connections of one incarnation share. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly wheel: TimerWheel;
  readonly reading: ReadTurns;
  readonly flusher: OutputFlusher;
  readonly inputMemory: InputMemory;
  readonly topics: TopicCache;
  readonly limits: GatewayLimits;
  readonly counters: ConnectionCounters;
  readonly log: Log;
  readonly boundary: Boundary;
  readonly debug: { readonly isOn: boolean };
  /** Tenant of clients that name none. */
  readonly defaultTenant: string;
  readonly directory: SessionDirectory;
  readonly connects: ConnectFlow;
  readonly subscriptions: SubscribeFlow;
  readonly endings: SessionEnding;
  readonly publisher: PublishSink;
  connectionEnded(): void;
}
