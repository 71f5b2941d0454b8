// One meta-service on a simulated disk under load: it is killed, loses power and comes back, and what it acknowledged is
// compared with what it has (I1 for metadata, M1, M2).
import { create } from '@bufbuild/protobuf';
import { CommitLog, type Disk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import type { KeyValueStore } from '@robustmq/kv-store';
import {
  AllocateProducerIdsRequestSchema,
  ClaimGroupResponseSchema,
  ClaimGroupSchema,
  ClaimLeadershipRequestSchema,
  CommitOffsetsRequestSchema,
  CreateStreamRequestSchema,
  NodeIdentitySchema,
  OffsetRowSchema,
  OpenSessionsRequestSchema,
  OpenSessionsResponseSchema,
  RegisterNodeRequestSchema,
  RequestIdSchema,
  ServiceKind,
  type Command,
  type NodeIdentity,
} from '@robustmq/rpc';
import { fromBinary } from '@bufbuild/protobuf';
import {
  drained,
  invariant,
  InvariantViolation,
  World,
  type Life,
  type Random,
  type SimulatedDisk,
} from '@robustmq/testkit';
import { decodeHead } from '../../src/data/session-heads.ts';
import { offsetKey, sessionKey } from '../../src/data/keys.ts';
import type { CheckpointRule } from '../../src/log/checkpoint-rule.ts';
import { CLUSTER_FAMILY, dataFamily } from '../../src/families.ts';
import { decodeResponse, Meta, type MetaParts } from '../../src/meta.ts';
import { ClusterState } from '../../src/cluster/cluster-state.ts';
import { CrashingStore, StoreImage } from './crashing-store.ts';

/** What a test may plant. */
export interface WorldOptions {
  readonly rule?: CheckpointRule;
  readonly wrapDisk?: (disk: Disk) => Disk;
  readonly wrapStore?: (store: KeyValueStore) => KeyValueStore;
  readonly newClusterMachine?: MetaParts['newClusterMachine'];
}

const META = 'meta-1';
const DATA_GROUPS = 2;
const CLIENTS = 6;
const BLOCK_BYTES = 4096;
/** Streams that one journal leads: commands about it are cut into slices. */
const STREAMS = 12;
/** Work takes time in this world: some look at the clock finds its slice used up (N8). */
const SLICE_MS = 6;
const FAMILIES = [CLUSTER_FAMILY, ...Array.from({ length: DATA_GROUPS }, (_, i) => dataFamily(i))];

/** Acknowledged and attempted, of something that only grows. */
interface Ledger {
  acknowledged: number;
  attempted: number;
}

/** What happened over all runs: a run proves nothing of what did not happen in it. */
export const COVERAGE = {
  slices: 0,
  moves: 0,
  powerCuts: 0,
  kills: 0,
  failedSyncs: 0,
  fullDisks: 0,
  checkpoints: 0,
  repeats: 0,
};

/** The world of one seed. */
export class MetaWorld {
  readonly #world: World;
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #options: WorldOptions;
  readonly #opens = new Map<string, Ledger>();
  /** The highest epoch that anyone was told. */
  readonly #told = new Map<string, bigint>();
  readonly #offsets = new Map<string, Ledger>();
  readonly #producerIds: Ledger = { acknowledged: 0, attempted: 0 };
  #image = new StoreImage([...FAMILIES, ...FAMILIES.map((family) => `marks-${family}`)]);
  #store: CrashingStore | undefined;
  #meta: Meta | undefined;
  #node: NodeIdentity | undefined;
  #sequence = 0;
  #coordinatorEpoch = -1;
  #life: Life | undefined;
  #started = Promise.resolve();
  #workedMs = 0;
  /** Least epoch that the shards of the journal must have reached. */
  #leaderEpoch = 0;
  /** The log has failed for good in this life. */
  #hasFailed = false;
  /** What a command failed with though nothing had failed. */
  #broken: InvariantViolation | undefined;
  acknowledgements = 0;

  constructor(seed: number, options: WorldOptions = {}) {
    this.#world = new World(seed);
    this.#random = this.#world.random;
    this.#world.add(META, (life) => {
      this.#life = life;
      this.#started = this.#open(life);
    });
    this.#disk = this.#world.diskOf(META);
    this.#options = options;
  }

  /** Several lives, each under load, each ended by a crash; then a last look. */
  async run(lives: number): Promise<void> {
    for (let i = 0; i < lives; i++) {
      await this.#start();
      await this.#load(this.#random.between(5, 80));
      await this.#crash();
    }
    await this.#start();
  }

  async #start(): Promise<void> {
    this.#hasFailed = false;
    this.#disk.behaviour.syncErrorRate = 0;
    this.#disk.behaviour.capacityBytes = Infinity;
    this.#world.start(META);
    await this.#started;
    await this.#verify();
    await this.#until(this.#registerJournal());
    await this.#createStreams();
    const request = create(RegisterNodeRequestSchema, {
      nodeId: 'gateway-1',
      kind: ServiceKind.MQTT_GATEWAY,
    });
    const { node } = await this.#until(this.#meta!.register(request));
    this.#node = node?.identity;
    this.#sequence = 0;
    await this.#claim();
    if (this.#random.chance(0.2)) this.#disk.behaviour.syncErrorRate = 0.05;
  }

  /** What a process does at its start. */
  async #open(life: Life): Promise<void> {
    const disk = this.#options.wrapDisk?.(this.#disk) ?? this.#disk;
    const flushPause = (): Promise<void> =>
      new Promise((resolve) => void life.clock.after(this.#random.between(0, 20), resolve));
    this.#store = await CrashingStore.open(this.#image, flushPause);
    this.#meta = await this.#until(
      Meta.open({
        store: this.#options.wrapStore?.(this.#store) ?? this.#store,
        openLog: (afterPosition) =>
          CommitLog.open(disk, 'log', {
            afterPosition,
            fileBytes: 4 * BLOCK_BYTES,
            maxFrameBytes: 4 * BLOCK_BYTES,
            spareFiles: 1,
          }),
        clock: { nowMs: () => life.clock.nowMs(), monotonicMs: () => this.#worked(life) },
        timers: life.clock,
        dataGroups: DATA_GROUPS,
        offsetsRetentionMs: 604_800_000,
        defaults: {
          streamShards: 1,
          streamMqttFilter: 'none',
          mqttShards: 1,
          tenantStreams: 100,
          tenantShards: 100,
        },
        creationRate: { burst: 2_000, shardsPerSecond: 100 },
        machine: {
          leaseDurationMs: 1_500,
          renewIntervalMs: 400,
        },
        onFatal: (error) => {
          if (life.isOver) return;
          invariant(this.#disk.behaviour.syncErrorRate > 0, `the log failed: ${error.message}`);
          this.#hasFailed = true;
        },
        ...(this.#options.rule && { rule: this.#options.rule }),
        ...(this.#options.newClusterMachine && { newClusterMachine: this.#options.newClusterMachine }),
      }),
    );
  }

  /** Time by the work: a look at the clock may find that the work since the last one took long. */
  #worked({ clock }: Life): number {
    if (this.#random.chance(0.04)) {
      this.#workedMs += SLICE_MS;
      COVERAGE.slices++;
    }
    return clock.monotonicMs() + this.#workedMs;
  }

  #registerJournal(): Promise<unknown> {
    const init = { nodeId: 'journal-1', kind: ServiceKind.JOURNAL, directoryId: 'd' };
    return this.#meta!.register(create(RegisterNodeRequestSchema, init));
  }

  /** In the first life, before anything can fail: from then on what happens to one of them happens to all. */
  async #createStreams(): Promise<void> {
    for (let i = this.#meta!.state.streams.size; i < STREAMS; i++) {
      const value = create(CreateStreamRequestSchema, { tenant: 't', name: `s${i}`, shards: 2 });
      await this.#until(this.#meta!.cluster({ case: 'createStream', value }));
    }
  }

  /** The journal ends, comes back or claims: each is one command about every shard. */
  #moveLeaders(): void {
    const { identity } = this.#meta!.state.nodes.get('journal-1')!;
    const moves = [
      () => this.#meta!.endNodes([identity!]),
      () => this.#registerJournal(),
      () => {
        const value = create(ClaimLeadershipRequestSchema, { node: identity! });
        return this.#meta!.cluster({ case: 'claimLeadership', value });
      },
    ];
    const life = this.#life!;
    const done = (): void => {
      if (life.isOver) return;
      COVERAGE.moves++;
      this.#leaderEpoch = Math.max(this.#leaderEpoch, whole(this.#meta!.state));
    };
    const failed = (thrown: unknown): void => {
      if (!(thrown instanceof BrokerError && thrown.code === 'fenced')) this.#failed(thrown, life);
    };
    this.#random
      .pick(moves)()
      .then(done, failed)
      .catch((broken: unknown) => this.#break(broken));
  }

  #break(broken: unknown): void {
    this.#broken ??= broken instanceof InvariantViolation ? broken : new InvariantViolation(String(broken));
  }

  async #claim(): Promise<void> {
    const expectedEpoch = this.#coordinatorEpoch;
    for (let epoch = expectedEpoch; ; epoch++) {
      const value = create(ClaimGroupSchema, { ...this.#owner(), expectedEpoch: epoch });
      const bytes = await this.#until(this.#meta!.data(this.#groupOf('g'), { case: 'claimGroup', value }));
      const { granted, claim } = decodeResponse(ClaimGroupResponseSchema, bytes);
      invariant((claim?.coordinatorEpoch ?? -1) >= expectedEpoch, 'I6: a claim was forgotten');
      this.#coordinatorEpoch = claim?.coordinatorEpoch ?? -1;
      if (granted) return;
    }
  }

  #owner() {
    return { node: this.#node ?? create(NodeIdentitySchema), group: { tenant: 't', groupId: 'g' } };
  }

  #groupOf(id: string): number {
    return this.#meta!.dataGroupOf('t', id);
  }

  /** Commands, repeats of commands and checkpoints, as they come. */
  async #load(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      for (let burst = this.#random.between(0, 4); burst > 0; burst--) this.#command();
      if (this.#random.chance(0.3)) {
        COVERAGE.checkpoints++;
        this.#meta!.checkpoint().catch(() => undefined);
      }
      if (this.#random.chance(0.03)) this.#fillDisk();
      await drained();
      await this.#world.clock.step();
      // As any reader may look between two slices.
      whole(this.#meta!.state);
      if (!this.#hasFailed) continue;
      COVERAGE.failedSyncs++;
      return;
    }
  }

  /** Full, or with room again. */
  #fillDisk(): void {
    const isFull = this.#disk.behaviour.capacityBytes !== Infinity;
    let usedBytes = 0;
    for (const path of this.#disk.paths()) usedBytes += this.#disk.contentOf(path).length;
    this.#disk.behaviour.capacityBytes = isFull ? Infinity : usedBytes + this.#random.below(2 * BLOCK_BYTES);
  }

  #command(): void {
    const kind = this.#random.below(7);
    if (kind < 2) this.#openSession(`client-${this.#random.below(CLIENTS)}`);
    else if (kind < 4) this.#commitOffset(this.#random.below(3));
    else if (kind === 4) this.#moveLeaders();
    else {
      const count = this.#random.between(1, 9);
      const value = create(AllocateProducerIdsRequestSchema, { count });
      this.#submit(this.#producerIds, count, (id) =>
        this.#meta!.cluster({ case: 'allocateProducerIds', value }, id),
      );
    }
  }

  #openSession(clientId: string): void {
    const sessions = [{ tenant: 't', clientId, expiryIntervalS: 3_600 }];
    const value = create(OpenSessionsRequestSchema, { sessions, ...(this.#node && { node: this.#node }) });
    const ledger = ledgerOf(this.#opens, clientId);
    this.#submit(ledger, 1, async (id) => {
      const bytes = await this.#meta!.data(this.#groupOf(clientId), { case: 'openSessions', value }, id);
      const outcome = fromBinary(OpenSessionsResponseSchema, bytes).outcomes[0];
      const epoch = outcome?.session?.key?.epoch ?? 0n;
      const opens = opensOf(epoch);
      invariant(opens > 0 && opens <= ledger.attempted, `M2: epoch ${epoch} of ${ledger.attempted} opens`);
      this.#told.set(clientId, maxOf(epoch, this.#told.get(clientId)));
    });
  }

  /** An offset names how many commits were attempted: a state may be any of those not older than the last acknowledged. */
  #commitOffset(shard: number): void {
    const ledger = ledgerOf(this.#offsets, String(shard));
    const row = create(OffsetRowSchema, { streamId: 1, shard, offset: BigInt(ledger.attempted + 1) });
    const command: Command['command'] = {
      case: 'commitOffsets',
      value: create(CommitOffsetsRequestSchema, {
        ...this.#owner(),
        coordinatorEpoch: this.#coordinatorEpoch,
        offsets: [row],
      }),
    };
    const target = ledger.attempted + 1;
    this.#submit(ledger, 1, (id) => this.#meta!.data(this.#groupOf('g'), command, id), target);
  }

  /** Proposes once or twice with the same request id: it must count once (M2). */
  #submit(
    ledger: Ledger,
    amount: number,
    propose: (id: ReturnType<typeof create<typeof RequestIdSchema>>) => Promise<unknown>,
    target?: number,
  ): void {
    const { nodeId, incarnation } = this.#node!;
    const id = create(RequestIdSchema, { nodeId, incarnation, sequence: BigInt(++this.#sequence) });
    ledger.attempted += amount;
    const life = this.#life!;
    let acknowledged = false;
    const done = (): void => {
      if (acknowledged || life.isOver) return;
      acknowledged = true;
      this.acknowledgements++;
      if (target === undefined) ledger.acknowledged += amount;
      else ledger.acknowledged = Math.max(ledger.acknowledged, target);
    };
    const failed = (thrown: unknown): void => this.#failed(thrown, life);
    propose(id).then(done, failed);
    if (!this.#random.chance(0.2)) return;
    COVERAGE.repeats++;
    propose(id).then(done, failed);
  }

  /** A command may fail because the log did, or the disk is full. */
  #failed(thrown: unknown, life: Life): void {
    const code = thrown instanceof BrokerError ? thrown.code : 'internal';
    if (code === 'storage_full') COVERAGE.fullDisks++;
    const isExpected =
      (this.#hasFailed && code === 'storage_failed') ||
      (code === 'storage_full' && this.#disk.behaviour.capacityBytes !== Infinity);
    if (!isExpected && (!life.isOver || code === 'internal'))
      this.#break(new InvariantViolation(`a command failed though nothing had: ${String(thrown)}`));
  }

  async #crash(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const store = this.#store!;
    const total = store.image.batches.length;
    const isPowerCut = this.#random.chance(0.7);
    if (isPowerCut) COVERAGE.powerCuts++;
    else COVERAGE.kills++;
    const chances = [0, 0.5, 1];
    if (isPowerCut)
      this.#world.cutPower(META, { sector: this.#random.pick(chances), size: this.#random.pick(chances) });
    else this.#world.kill(META);
    // After a kill the kernel still has all of it.
    this.#image = await store.cutPower(isPowerCut ? this.#random.between(0, total) : total);
  }

  async #verify(): Promise<void> {
    const store = this.#store!;
    for (const [clientId, ledger] of this.#opens) {
      const row = await store.get(dataFamily(this.#groupOf(clientId)), sessionKey('t', clientId));
      const epoch = row === undefined ? 0n : (decodeHead(row).key?.epoch ?? 0n);
      const told = this.#told.get(clientId) ?? 0n;
      invariant(epoch >= told, `I6: the epoch of ${clientId} is ${epoch}, it was ${told}`);
      check(ledger, opensOf(epoch), `opens of ${clientId}`);
    }
    for (const [shard, ledger] of this.#offsets) {
      const row = await store.get(dataFamily(this.#groupOf('g')), offsetKey('t', 'g', 1, Number(shard)));
      check(
        ledger,
        row === undefined ? 0 : Number(fromBinary(OffsetRowSchema, row).offset),
        `offset of ${shard}`,
      );
    }
    check(this.#producerIds, Number(this.#meta!.state.meta.nextProducerId) - 1, 'producer ids');
    const epoch = whole(this.#meta!.state);
    invariant(epoch >= this.#leaderEpoch, `R3: the leader epoch is ${epoch}, it was ${this.#leaderEpoch}`);
    const rows = await store.scan(CLUSTER_FAMILY, { from: Buffer.alloc(0), limit: 1_000 });
    invariant(whole(ClusterState.load(rows)) === epoch, 'the rows are not what is served');
  }

  /** Lets time pass until it is done. */
  async #until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => void (settled = true);
    promise.then(mark, mark);
    for (let idle = 0; !settled && idle < 1_000; idle++) {
      await drained();
      if (!settled) await this.#world.clock.step();
    }
    invariant(settled, 'it hangs');
    try {
      return await promise;
    } catch (thrown) {
      invariant(!(thrown instanceof BrokerError), `I9: ${(thrown as Error).message}`);
      throw thrown;
    }
  }
}

/** The one leader epoch of all shards but the built-in stream's, which is older than they. */
function whole({ streams }: ClusterState): number {
  const seen = new Set<string>();
  let epoch = 0;
  for (const { name, shards } of streams.values()) {
    if (name === 'mqtt') continue;
    for (const { leader, leaderIncarnation, leaderEpoch, isrMembers } of shards) {
      seen.add(`${leader}/${leaderIncarnation}/${leaderEpoch}/${isrMembers[0]?.incarnation}`);
      epoch = leaderEpoch;
    }
  }
  invariant(seen.size <= 1, `a part of a command is visible: ${[...seen].join(', ')}`);
  return epoch;
}

function ledgerOf(ledgers: Map<string, Ledger>, name: string): Ledger {
  let ledger = ledgers.get(name);
  if (ledger === undefined) ledgers.set(name, (ledger = { acknowledged: 0, attempted: 0 }));
  return ledger;
}

/** How often a session was opened: its first epoch ends in these bits with 1, and each of the next adds one. */
function opensOf(epoch: bigint): number {
  return Number(BigInt.asUintN(14, epoch));
}

function maxOf(left: bigint, right = 0n): bigint {
  return left > right ? left : right;
}

function check(ledger: Ledger, actual: number, what: string): void {
  invariant(
    actual >= ledger.acknowledged,
    `I1: ${what} is ${actual}, ${ledger.acknowledged} were acknowledged`,
  );
  invariant(actual <= ledger.attempted, `M2: ${what} is ${actual}, only ${ledger.attempted} were attempted`);
  // Goes on from what is there.
  ledger.acknowledged = actual;
}
