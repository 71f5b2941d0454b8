// The QoS 0 mesh (design section 5): each gateway authors its own routes; the others keep them as a trie and send what
// matches, one batch per peer and tick. Memory only: what a broken link or a slow peer costs is counted as mesh_lost.

import { create } from '@bufbuild/protobuf';
import { FilterTrie, TopicCache } from '@robustmq/mqtt-topics';
import { RecordBatchBuilder, type MqttFacts, type UserProperty } from '@robustmq/record-batch';
import {
  GatewayService,
  MeshHelloSchema,
  MeshRequestSchema,
  PublishFrameSchema,
  createClient,
  type Connect,
  type Credentials,
  type MeshRequest,
  type MeshResponse,
  type NodeIdentity,
  type Route,
  type RouteFrame,
  type ServiceClient,
} from '@robustmq/rpc';
import type { Cancel, Timers } from '@robustmq/runtime';
import type { Boundary } from '../boundary.ts';
import type { Message } from '../delivery/message.ts';
import { StopRequests } from './stop-requests.ts';

/** Another live gateway. */
export interface MeshPeerAddress {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly address: string;
}

/** Plain integers that instruments read. */
export interface MeshCounters {
  sent: number;
  received: number;
  framesSent: number;
  lost: number;
}

type Identity = Pick<NodeIdentity, 'nodeId' | 'incarnation' | 'directoryId'>;
/** This gateway, as its peers see it. */
export interface MeshSelf {
  readonly identity: Identity;
  readonly credentials: Credentials;
  /** How the peer is called; default gRPC. */
  readonly connect?: Connect;
  readonly timers: Timers;
  readonly boundary: Pick<Boundary, 'run' | 'failed'>;
}

type MeshStream = ReturnType<ServiceClient<typeof GatewayService>['mesh']>;

/** Shortest distance of two frames to a peer. */
const TICK_MS = 2;
/** A batch leaves once it has so much; one message alone may be larger. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** The largest message: the largest packet that can be configured, and what a record adds to it (N13). */
const MAX_MESSAGE_BYTES = 9 * 1024 * 1024;
const RECONNECT_MS = 100;
const MATCH_CACHE_TOPICS = 16_384;
/** Bytes the stream has not sent yet beyond which messages are dropped: the peer does not keep up (I8). */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;

/** The way to one peer. */
export class MeshPeer {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly address: string;
  readonly calls: ServiceClient<typeof GatewayService>;
  readonly stops: StopRequests;
  /** Sequence of the routes that have been applied, for the peer's SUBACKs (rule S6). */
  readonly #identity: Identity;
  readonly #counters: MeshCounters;
  readonly #tries = new Map<string, FilterTrie<true>>();
  readonly #matches = new Map<string, TopicCache<boolean>>();
  readonly #open = new Map<string, RecordBatchBuilder>();
  #stream: MeshStream | null = null;
  /** Of what the stream was given; what it tells of itself are frames, not bytes. */
  #unsentBytes = 0;
  #acknowledged = 0n;
  readonly #timers: Timers;
  readonly #boundary: Pick<Boundary, 'run'>;
  #cancelFlush: Cancel | null = null;
  #cancelRetry: Cancel | null = null;
  #isAckDue = false;
  #closed = false;

  constructor(peer: MeshPeerAddress, self: MeshSelf, counters: MeshCounters) {
    this.nodeId = peer.nodeId;
    this.incarnation = peer.incarnation;
    this.address = peer.address;
    this.#identity = self.identity;
    this.#timers = self.timers;
    this.#boundary = self.boundary;
    this.#counters = counters;
    const connect = self.connect ?? createClient;
    this.calls = connect(GatewayService, { address: peer.address, credentials: self.credentials });
    this.stops = new StopRequests(this.calls, self);
    this.#connect();
  }

  #connect(): void {
    const stream = this.calls.mesh();
    this.#stream = stream;
    this.#unsentBytes = 0;
    stream.on('data', ({ frame }: MeshResponse) => {
      if (stream !== this.#stream || frame.case !== 'routes') return;
      const { value } = frame;
      this.#boundary.run('routes of a gateway', () => this.#routes(value));
    });
    const broken = (): void => {
      if (stream !== this.#stream) return;
      this.#stream = null;
      for (const builder of this.#open.values()) this.#counters.lost += builder.recordCount;
      this.#open.clear();
      if (!this.#closed) this.#cancelRetry = this.#timers.after(RECONNECT_MS, () => this.#connect());
    };
    stream.on('error', broken);
    stream.on('end', broken);
    this.#write({ case: 'hello', value: create(MeshHelloSchema, { gateway: this.#identity }) });
  }

  #write(frame: MeshRequest['frame'], bytes = 0): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#unsentBytes += bytes;
    stream.write(create(MeshRequestSchema, { frame }), () => {
      if (stream === this.#stream) this.#unsentBytes -= bytes;
    });
  }

  #routes(frame: RouteFrame): void {
    if (frame.snapshot) {
      this.#tries.clear();
      this.#matches.clear();
    }
    for (const route of frame.add) this.#trieOf(route).add(route.filter, true);
    for (const route of frame.remove) this.#trieOf(route).remove(route.filter, true);
    this.#acknowledged = frame.sequence;
    this.#isAckDue = true;
    this.#flushSoon();
  }

  #trieOf(route: Route): FilterTrie<true> {
    let trie = this.#tries.get(route.tenant);
    if (trie === undefined) this.#tries.set(route.tenant, (trie = new FilterTrie<true>()));
    return trie;
  }

  #wants(tenant: string, topic: string): boolean {
    const trie = this.#tries.get(tenant);
    if (trie === undefined || trie.size === 0) return false;
    let cache = this.#matches.get(tenant);
    if (cache === undefined) this.#matches.set(tenant, (cache = new TopicCache<boolean>(MATCH_CACHE_TOPICS)));
    const known = cache.get(topic, trie.generation);
    if (known !== undefined) return known;
    let found = false;
    trie.match(topic, () => {
      found = true;
    });
    cache.set(topic, found);
    return found;
  }

  /** Sends the message if the peer has a subscriber for it. */
  publish(
    tenant: string,
    message: Message,
    facts: MqttFacts,
    userProperties: readonly UserProperty[] | null,
    nowMs: number,
  ): void {
    if (!this.#wants(tenant, message.topic)) return;
    if (this.#stream === null || this.#unsentBytes > MAX_UNSENT_BYTES) {
      this.#counters.lost++;
      return;
    }
    let builder = this.#open.get(tenant);
    if (builder === undefined) {
      builder = new RecordBatchBuilder({ maxBatchBytes: MAX_BATCH_BYTES + MAX_MESSAGE_BYTES });
      this.#open.set(tenant, builder);
    }
    const { payload, payloadStart, payloadEnd } = message;
    if (builder.sizeBytes + (payloadEnd - payloadStart) > MAX_BATCH_BYTES) this.#flush();
    try {
      builder.appendMqtt(nowMs, message.topic, payload, payloadStart, payloadEnd, facts, userProperties);
    } catch {
      // It fits no frame: lost on this way only; the publisher is no worse for it (N9).
      this.#counters.lost++;
    }
    this.#flushSoon();
  }

  #flushSoon(): void {
    this.#cancelFlush ??= this.#timers.after(TICK_MS, () => this.#flush());
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = null;
    let isSent = false;
    for (const [tenant, builder] of this.#open) {
      if (builder.isEmpty) continue;
      isSent = true;
      this.#send(tenant, builder.finishCopy(), builder.recordCount);
      builder.reset();
    }
    if (this.#isAckDue && !isSent) this.#send('', Buffer.alloc(0), 0);
    this.#isAckDue = false;
  }

  #send(tenant: string, batch: Buffer, count: number): void {
    this.#counters.sent += count;
    this.#counters.framesSent++;
    const value = create(PublishFrameSchema, {
      tenant,
      batch,
      count,
      acknowledgedSequence: this.#acknowledged,
    });
    this.#write({ case: 'publish', value }, batch.length);
  }

  close(): void {
    this.#closed = true;
    this.#cancelFlush?.();
    this.#cancelRetry?.();
    this.#stream?.cancel();
    this.#stream = null;
    this.calls.close();
  }
}
