// A cluster with many shards and the applier of its group, in virtual time that passes with the work: each look at the clock
// stands for a unit of it.
import { create } from '@bufbuild/protobuf';
import { MemoryStore } from '@robustmq/kv-store/testing';
import {
  CommandSchema,
  RegisterNodeRequestSchema,
  type ServiceKind,
  StreamSchema,
  type Command,
} from '@robustmq/rpc';
import { type Timers, TurnBudget } from '@robustmq/runtime';
import { ClusterMachine } from '../../src/cluster/cluster-machine.ts';
import { ClusterState } from '../../src/cluster/cluster-state.ts';
import { CLUSTER_FAMILY } from '../../src/families.ts';
import { applyingOnce } from '../../src/group-machine.ts';
import { Applier } from '../../src/log/applier.ts';
import { CHECKPOINT_RULE } from '../../src/log/checkpoint-rule.ts';

/** What a unit of work costs unless a test says otherwise. */
const UNIT_MS = 0.25;

/** See the file head. */
export class LargeCluster {
  readonly state: ClusterState;
  readonly store = new MemoryStore([CLUSTER_FAMILY]);
  /** Revisions that watchers were told of. */
  readonly told: { readonly revision: bigint; readonly changes: readonly Buffer[] }[] = [];
  /** Work units, and the longest that none but the applier had the loop. */
  looks = 0;
  turns = 0;
  longestMs = 0;
  /** Looks around whenever the loop turns, as any other task of the process may. */
  betweenSlices: () => void = () => undefined;
  #turnBeganMs = 0;
  #index = 0;
  readonly #unitMs: number;
  readonly #applier: Applier;

  constructor(state = new ClusterState(), unitMs = UNIT_MS) {
    this.state = state;
    this.#unitMs = unitMs;
    const machine = new ClusterMachine(state, {
      leaseDurationMs: 1_500,
      renewIntervalMs: 400,
      onApplied: (revision, changes) => this.told.push({ revision, changes }),
    });
    const timers: Timers = {
      after: () => () => undefined,
      every: () => () => undefined,
      soon: (action) => {
        this.turns++;
        this.#measure();
        setImmediate(() => {
          this.betweenSlices();
          this.#turnBeganMs = this.#nowMs;
          action();
        });
        return () => undefined;
      },
    };
    const clock = { monotonicMs: () => (++this.looks, this.#nowMs) };
    const groups = [{ family: CLUSTER_FAMILY, machine: applyingOnce(machine) }];
    this.#applier = new Applier(
      { store: this.store, groups, clock, timers },
      CHECKPOINT_RULE,
      [{ index: 0, term: 1, position: 0 }],
      0,
    );
  }

  get #nowMs(): number {
    return this.looks * this.#unitMs;
  }

  #measure(): void {
    this.longestMs = Math.max(this.longestMs, this.#nowMs - this.#turnBeganMs);
  }

  /** Most that a slice may take: its budget, the unit that passes it, and the looks that end one slice and begin the next. */
  static readonly SLICE_MS = TurnBudget.sliceMs + 4 * UNIT_MS;

  /** Applies a command and answers its response. @throws BrokerError */
  async apply(command: Command['command'], nowMs = 1_000): Promise<Uint8Array> {
    this.looks = 0;
    this.turns = 0;
    this.longestMs = 0;
    this.#turnBeganMs = 0;
    const entropy = Buffer.alloc(16, this.#index);
    const defaults = { tenantStreams: 20_000, tenantShards: 100_000, streamShards: 1, mqttShards: 1 };
    const message = create(CommandSchema, { nowMs: BigInt(nowMs), command, entropy, defaults });
    const entries = [{ group: 0, index: ++this.#index, term: 1, kind: 'command', command: message } as const];
    const [outcome] = await this.#applier.apply(entries, this.#index, await this.#applier.fetch(entries));
    this.#measure();
    if (outcome instanceof Error) throw outcome;
    return outcome!;
  }

  /** Registers a node; its incarnation. */
  async register(nodeId: string, kind: ServiceKind, directoryId = ''): Promise<bigint> {
    const value = create(RegisterNodeRequestSchema, { nodeId, kind, directoryId });
    await this.apply({ case: 'registerNode', value });
    return this.state.nodes.get(nodeId)!.identity!.incarnation;
  }

  /** Adds streams that a journal leads and has the only copies of. */
  addStreams(count: number, shardsEach: number, nodeId: string): void {
    const { identity } = this.state.nodes.get(nodeId)!;
    const { incarnation, directoryId } = identity!;
    const first = this.state.meta.nextStreamId;
    for (let streamId = first; streamId < first + count; streamId++) {
      const shards = Array.from({ length: shardsEach }, (_, shard) => ({
        shard,
        leader: nodeId,
        leaderIncarnation: incarnation,
        replicas: [{ nodeId, directoryId }],
        isrMembers: [{ nodeId, incarnation }],
        isrVersion: 1,
      }));
      const init = {
        streamId,
        tenant: 'default',
        name: `s${streamId}`,
        shards,
        shardsAtCreation: shardsEach,
      };
      this.state.install('streams', streamId, create(StreamSchema, { ...init, ownershipActive: true }));
    }
    this.state.install('meta', '', { ...this.state.meta, nextStreamId: first + count });
  }

  /** Leaders of all shards with their epochs, each once. */
  leaders(): Set<string> {
    const found = new Set<string>();
    for (const { shards } of this.state.streams.values())
      for (const { leader, leaderIncarnation, leaderEpoch } of shards)
        found.add(`${leader}/${leaderIncarnation}/${leaderEpoch}`);
    return found;
  }
}
