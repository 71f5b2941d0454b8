// meta-service without its sockets: groups, log, leases, watch, and the periodic work of the leader.
import { randomBytes, randomUUID } from 'node:crypto';
import {
  create,
  fromBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { UserCredentials } from '@robustmq/access-control';
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import type { KeyValueEntry, KeyValueStore } from '@robustmq/kv-store';
import {
  BootstrapSchema,
  type CommandDefaultsSchema,
  CommandSchema,
  EndNodesSchema,
  FEATURE_LEVEL,
  PlaceSlotsSchema,
  RegisterNodeResponseSchema,
  type Command,
  type NodeIdentity,
  type RegisterNodeRequest,
  type RegisterNodeResponse,
  type RequestId,
} from '@robustmq/rpc';
import { TurnBudget, TurnShare, type Cancel, type Clock, type Timers } from '@robustmq/runtime';
import { AppliedSignal } from './applied-signal.ts';
import { ClusterMachine, type ClusterMachineOptions } from './cluster/cluster-machine.ts';
import { ClusterState } from './cluster/cluster-state.ts';
import { defaultShards } from './cluster/commands.ts';
import { CreationRate, type CreationRateOptions } from './creation-rate.ts';
import { dataMachine } from './data/data-machine.ts';
import { grows, noRoom } from './growth.ts';
import { applyingOnce, type GroupMachine } from './group-machine.ts';
import { CLUSTER_FAMILY, dataFamily } from './families.ts';
import { Leases } from './leases.ts';
import type { LogGroup } from './log/applier.ts';
import { SoloLog, type SoloLogParts } from './log/solo-log.ts';
import { GroupReaper } from './group-reaper.ts';
import { SessionReaper } from './session-reaper.ts';
import { checkPlacement, slotOf, spreadSlots } from './slots.ts';
import { WatchHub } from './watch-hub.ts';

/** What meta-service is made of. */
export interface MetaParts extends Pick<
  SoloLogParts,
  'openLog' | 'rule' | 'checkpointBytes' | 'maxFrameBytes'
> {
  /** Replaced by tests that plant mutants; never in production. */
  readonly newClusterMachine?: (state: ClusterState, options: ClusterMachineOptions) => GroupMachine;
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly dataGroups: number;
  /** How long groups without members and their offsets are kept (KIP-211). */
  readonly offsetsRetentionMs: number;
  readonly creationRate: Pick<CreationRateOptions, 'burst' | 'shardsPerSecond'>;
  readonly machine: Omit<ClusterMachineOptions, 'onApplied'>;
  /** 16 bytes of chance that a command makes ids of; default the platform's. */
  readonly entropy?: () => Uint8Array;
  /** Sent along with the commands that need them. */
  readonly defaults: MessageInitShape<typeof CommandDefaultsSchema>;
  readonly onFatal: (error: BrokerError) => void;
  /** Whether only what makes room is taken (rule L6); default: never. */
  readonly diskIsFull?: () => boolean;
}

const CLUSTER_GROUP = 0;
const ENTROPY_BYTES = 16;
const LOAD_PAGE = 1_000;
const LEASE_CHECK_MS = 100;
const REAP_INTERVAL_MS = 1_000;
/** Groups are kept for days: a look at all data groups each second would be most of what an idle cluster does. */
const GROUP_REAP_INTERVAL_MS = 5_000;
const CHECKPOINT_INTERVAL_MS = 1_000;
const WITNESS_INTERVAL_MS = 1_000;
/** Periodic work that finds no room is tried again: on a full disk as well, nothing was changed (L6). */
const PASSING: ReadonlySet<ErrorCode> = new Set(['unavailable', 'quota_exceeded', 'storage_full']);

/** See the file head. */
export class Meta {
  readonly watch: WatchHub;
  /** Fired after each change of the cluster group. */
  readonly applied: AppliedSignal;
  readonly creationRate: CreationRate;
  readonly leases: Leases;
  /** The share of the loop that questions about groups have. */
  readonly lookups: TurnShare;
  readonly state: ClusterState;
  readonly dataGroups: number;
  readonly store: KeyValueStore;
  readonly #log: SoloLog;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #defaults: MetaParts['defaults'];
  readonly #entropy: () => Uint8Array;
  readonly #reaper: SessionReaper;
  readonly #groupReaper: GroupReaper;
  readonly #periods: Cancel[] = [];
  readonly #busy = new Set<string>();
  readonly #onFatal: (error: BrokerError) => void;
  readonly #diskIsFull: () => boolean;
  /** Commands that a disk without room refused. */
  refusedCommands = 0;

  private constructor(
    parts: MetaParts,
    state: ClusterState,
    log: SoloLog,
    watch: WatchHub,
    applied: AppliedSignal,
  ) {
    this.store = parts.store;
    this.dataGroups = parts.dataGroups;
    this.state = state;
    this.watch = watch;
    this.applied = applied;
    this.creationRate = new CreationRate({ clock: parts.clock, ...parts.creationRate });
    this.#log = log;
    this.#clock = parts.clock;
    this.lookups = new TurnShare(parts.clock, parts.timers);
    this.#timers = parts.timers;
    this.#entropy = parts.entropy ?? (() => randomBytes(ENTROPY_BYTES));
    this.#defaults = parts.defaults;
    this.#onFatal = parts.onFatal;
    this.#diskIsFull = parts.diskIsFull ?? (() => false);
    this.leases = new Leases(state, parts.clock, parts.machine.leaseDurationMs);
    this.#reaper = new SessionReaper(this);
    this.#groupReaper = new GroupReaper(this, parts.offsetsRetentionMs);
  }

  /** Loads the applied state and replays the log over it. */
  static async open(parts: MetaParts): Promise<Meta> {
    const state = ClusterState.load(await allRows(parts.store, CLUSTER_FAMILY));
    const watch = new WatchHub({ state, clock: parts.clock, timers: parts.timers });
    const applied = new AppliedSignal();
    const options: ClusterMachineOptions = {
      ...parts.machine,
      onApplied: (revision, changes) => {
        watch.publish(revision, changes);
        applied.fire();
      },
    };
    const cluster = parts.newClusterMachine?.(state, options) ?? new ClusterMachine(state, options);
    const groups: LogGroup[] = [{ family: CLUSTER_FAMILY, machine: applyingOnce(cluster) }];
    for (let i = 0; i < parts.dataGroups; i++)
      groups.push({ family: dataFamily(i), machine: applyingOnce(dataMachine) });
    const log = await SoloLog.open({ ...parts, groups });
    const meta = new Meta(parts, state, log, watch, applied);
    await meta.#placeSlots();
    return meta;
  }

  /** A new cluster spreads its slots over the groups that it is made with. */
  async #placeSlots(): Promise<void> {
    if (this.state.slots.dataGroups.length === 0) {
      const value = create(PlaceSlotsSchema, { placement: spreadSlots(this.dataGroups) });
      await this.cluster({ case: 'placeSlots', value });
    }
    checkPlacement(this.state.slots, this.dataGroups);
  }

  /** Whether the first command of the cluster was applied. */
  get isBootstrapped(): boolean {
    return this.state.meta.clusterId !== '';
  }

  /** Creates the cluster with its first user. */
  async bootstrap(credentials: UserCredentials): Promise<void> {
    const admin = { tenant: 'default', name: 'admin', superuser: true, ...credentials };
    await this.cluster({
      case: 'bootstrap',
      value: create(BootstrapSchema, { clusterId: randomUUID(), admin, featureLevel: FEATURE_LEVEL }),
    });
  }

  /** Whether what grows is refused now. */
  get diskIsFull(): boolean {
    return this.#diskIsFull();
  }

  /** Starts the leader's periodic work. */
  start(): void {
    this.#periods.push(this.#timers.every(LEASE_CHECK_MS, () => this.leases.look()));
    this.#every('leases', LEASE_CHECK_MS, () => this.endExpiredLeases());
    this.#every('sessions', REAP_INTERVAL_MS, () => this.reapSessions());
    this.#every('groups', GROUP_REAP_INTERVAL_MS, () => this.reapGroups());
    this.#every('witness', WITNESS_INTERVAL_MS, () => this.#log.leaveWitness());
    this.#every('checkpoint', CHECKPOINT_INTERVAL_MS, () =>
      this.#log.checkpointDue ? this.#log.checkpoint() : Promise.resolve(),
    );
  }

  /** A command of the cluster group; the response's bytes. */
  cluster(command: Command['command'], requestId?: RequestId): Promise<Uint8Array> {
    return this.#propose(CLUSTER_GROUP, command, requestId);
  }

  /** A command of a data group (0-based). */
  data(group: number, command: Command['command'], requestId?: RequestId): Promise<Uint8Array> {
    return this.#propose(group + 1, command, requestId);
  }

  /** Data group of a session or consumer group. */
  dataGroupOf(tenant: string, id: string): number {
    return this.state.slots.dataGroups[slotOf(tenant, id)] ?? 0;
  }

  /** Shards that a creation makes which names no number. */
  get defaultShards(): number {
    return defaultShards(this.state.config, this.#defaults);
  }

  /** Wall time for rows. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** A slice of the loop for work that may be long (N8). */
  turnBudget(): TurnBudget {
    return new TurnBudget(this.#clock, this.#timers);
  }

  /** Ends an incarnation and everything it held. */
  async endNodes(nodes: NodeIdentity[]): Promise<void> {
    await this.cluster({ case: 'endNodes', value: create(EndNodesSchema, { nodes }) });
    this.leases.forget();
    await this.#fence(nodes);
  }

  /**
   * Data groups learn which incarnations ended, so that a request that was checked before and is applied after the end
   * leaves no row behind the reaper.
   */
  async #fence(nodes: NodeIdentity[]): Promise<void> {
    // First: where there is no room for a command now, the reaper fences them before it closes what they left.
    for (const node of nodes) this.#reaper.incarnationEnded(node);
    const value = create(EndNodesSchema, { nodes });
    const groups = Array.from({ length: this.dataGroups }, (_, group) => group);
    await Promise.all(groups.map((group) => this.data(group, { case: 'endNodes', value })));
  }

  /** A new incarnation of a node, with a full lease. It ends the one before, whose sessions are closed from now on. */
  async register(request: RegisterNodeRequest): Promise<RegisterNodeResponse> {
    const before = this.state.nodes.get(request.nodeId)?.identity;
    const bytes = await this.cluster({ case: 'registerNode', value: request });
    const response = decodeResponse(RegisterNodeResponseSchema, bytes);
    this.leases.renew(response.node?.identity);
    this.leases.forget();
    // A repeat of a registration ended nothing.
    if (before !== undefined && before.incarnation !== response.node?.identity?.incarnation)
      await this.#fence([before]);
    return response;
  }

  /** Figures of the log, for metrics. */
  get logFigures(): SoloLog['figures'] {
    return this.#log.figures;
  }

  /** Frees what the log no longer needs, now. */
  checkpoint(): Promise<void> {
    return this.#log.checkpoint();
  }

  /** Closes sessions of ended incarnations and deletes expired ones, one bounded run. */
  reapSessions(): Promise<void> {
    return this.#reaper.run();
  }

  /** Deletes groups that nobody uses and offsets of streams that are gone, one bounded run. */
  reapGroups(): Promise<void> {
    return this.#groupReaper.run();
  }

  /** Whether a stream of this id was there and is not any more. */
  isDeletedStream(streamId: number): boolean {
    return streamId < this.state.meta.nextStreamId && !this.state.streams.has(streamId);
  }

  /** Ends the incarnations whose lease has run out. */
  async endExpiredLeases(): Promise<void> {
    const expired = this.leases.expired();
    if (expired.length > 0) await this.endNodes(expired);
  }

  /** Linearizable from here on (I7). */
  readIndex(): Promise<void> {
    return this.#log.readIndex();
  }

  /** Reads of the store find what watchers have been told by now. */
  stored(): Promise<void> {
    return this.#log.stored();
  }

  /** Stops the periodic work, waits for running commands and closes the log; the store is the caller's. */
  async stop(): Promise<void> {
    for (const cancel of this.#periods) cancel();
    this.watch.close();
    await this.#log.close();
  }

  #propose(group: number, command: Command['command'], requestId?: RequestId): Promise<Uint8Array> {
    const refusesGrowth = this.#diskIsFull();
    if (refusesGrowth && grows(command)) {
      this.refusedCommands++;
      return Promise.reject(noRoom(`${command.case ?? 'command'} is taken`));
    }
    const nowMs = BigInt(this.#clock.nowMs());
    const makesIds = group === CLUSTER_GROUP || command.case === 'openSessions';
    const message = create(CommandSchema, {
      nowMs,
      command,
      refusesGrowth,
      ...(makesIds && { entropy: this.#entropy(), defaults: this.#defaults }),
      ...(requestId && { requestId }),
    });
    return this.#log.propose(group, message);
  }

  /** One run of a kind at a time. */
  #every(name: string, intervalMs: number, work: () => Promise<void>): void {
    const cancel = this.#timers.every(intervalMs, () => {
      if (this.#busy.has(name)) return;
      this.#busy.add(name);
      work()
        .catch((thrown: unknown) => {
          const error = BrokerError.from(thrown);
          // The log reports its own failure; anything else that does not pass is one too.
          if (!PASSING.has(error.code)) this.#onFatal(error);
        })
        .finally(() => this.#busy.delete(name));
    });
    this.#periods.push(cancel);
  }
}

/** Decodes the bytes that a command answered. */
export function decodeResponse<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  return fromBinary(schema, bytes);
}

async function allRows(store: KeyValueStore, family: string): Promise<KeyValueEntry[]> {
  const rows: KeyValueEntry[] = [];
  for (let from = Buffer.alloc(0); ;) {
    const page = await store.scan(family, { from, limit: LOAD_PAGE });
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < LOAD_PAGE) return rows;
    from = Buffer.concat([last.key, Buffer.from([0])]);
  }
}
