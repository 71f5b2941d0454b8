// What outlives an incarnation of the gateway.

import type { Authenticator } from '@robustmq/access-control';
import type { MetaClient } from '@robustmq/meta-client';
import type { Connect } from '@robustmq/rpc';
import type { Clock, Log, Timers, TimerWheel } from '@robustmq/runtime';
import type { DebugSwitch, TraceSampler } from '@robustmq/telemetry';
import type { Boundary } from './boundary.ts';
import type { MqttGatewayConfig } from './config.ts';
import type { ConnectionCounters } from './connection-counters.ts';
import type { GatewayLimits } from './limits.ts';
import type { Ownership } from './ownership.ts';
import type { PublishingConnection } from './publish/publisher.ts';
import type { InputMemory } from './transport/input-memory.ts';
import type { OutputFlusher } from './transport/output-flusher.ts';

/** What the process gives each incarnation. */
export interface ProcessParts {
  readonly config: MqttGatewayConfig;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  /** What they run ends at the boundary. */
  readonly timers: Timers;
  readonly boundary: Boundary;
  readonly wheel: TimerWheel;
  readonly flusher: OutputFlusher;
  readonly inputMemory: InputMemory;
  readonly log: Log;
  readonly debug: DebugSwitch;
  readonly counters: ConnectionCounters;
  readonly meta: MetaClient;
  /** How others are called; default gRPC. */
  readonly connect?: Connect;
  readonly ownership: Ownership;
  readonly authenticator: Authenticator;
  readonly sampler: TraceSampler;
  connectionEnded(): void;
  retainIgnored(connection: PublishingConnection, topic: string): void;
}
