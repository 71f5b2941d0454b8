// Clients, a coordinator that crashes, and a store, under one seed. Everything that a member is told is checked against
// what must hold for groups; a failing seed replays exactly.
import { Random } from '@robustmq/testkit';

import {
  StoredRows,
  type ConsumerGroup,
  type GroupRecord,
  type JoinRequest,
  type JoinResult,
  type SyncResult,
} from '../src/index.ts';
import { DEFAULT_GROUP_CONFIG } from '../src/types.ts';
import { subscription } from './harness.ts';
import { RowStore, slicesOf, type Slice } from './row-store.ts';

export type GroupClass = typeof ConsumerGroup;
export type RowsClass = typeof StoredRows;

/** What a coordinator stores, one after the other, each by some commands. */
interface Write {
  readonly id: number;
  readonly record: GroupRecord;
  /** Commands to come; undefined before the first. */
  slices?: Slice[];
  dueMs: number;
}

const PARTITIONS = 12;
const CONFIG = { ...DEFAULT_GROUP_CONFIG, initialRebalanceDelayMs: 500 };
const SESSION_MS = 10_000;
const REBALANCE_MS = 15_000;

interface Client {
  readonly name: string;
  readonly instanceId: string | null;
  alive: boolean;
  memberId: string;
  generationId: number;
  state: 'out' | 'joining' | 'syncing' | 'in';
  waiting: number | undefined;
  owned: string;
  nextHeartbeatMs: number;
}

/** What went wrong, as an exception that names the seed. */
export class Violation extends RangeError {}

export class Simulation {
  readonly #random: Random;
  readonly #seed: number;
  readonly #Group: GroupClass;
  #group!: ConsumerGroup;
  readonly #rows = new RowStore();
  readonly #Rows: RowsClass;
  readonly #writes: Write[] = [];
  #known!: StoredRows;
  readonly #clients: Client[] = [];
  readonly #answers: (() => void)[] = [];
  readonly #asked = new Map<number, Client>();
  /**
   * Leader per coordinator and generation: a generation whose assignment was never stored was given to nobody, so the
   * next coordinator may use its number again.
   */
  readonly #leaders = new Map<string, string>();
  #token = 0;
  #ids = 0;
  #nowMs = 0;
  #coordinator = 0;
  /** Since ownership was looked at last. */
  #hasNewOwner = false;

  constructor(seed: number, Group: GroupClass, Rows: RowsClass = StoredRows) {
    this.#seed = seed;
    this.#Group = Group;
    this.#Rows = Rows;
    this.#random = new Random(seed);
    const count = 1 + Math.floor(this.#random.fraction() * 5);
    for (let n = 0; n < count; n += 1) {
      const instanceId = this.#random.fraction() < 0.3 ? `i${n}` : null;
      this.#clients.push({ name: `c${n}`, instanceId, alive: true, ...FRESH });
    }
    this.#startCoordinator();
  }

  #fail(what: string): never {
    throw new Violation(`seed ${this.#seed} at ${this.#nowMs} ms: ${what}`);
  }

  #startCoordinator(): void {
    this.#coordinator += 1;
    this.#writes.length = 0;
    // Connections die with the coordinator: nobody hears what it still had to say, answers on their way included.
    for (const client of this.#clients) {
      if (client.waiting === undefined) continue;
      client.waiting = undefined;
      client.state = client.memberId === '' ? 'out' : 'joining';
    }
    this.#asked.clear();
    this.#answers.length = 0;
    const group: ConsumerGroup = new this.#Group('g', CONFIG, {
      joined: (token, result) => this.#take(token, (client) => this.#joined(client, result)),
      synced: (token, result) => this.#take(token, (client) => this.#synced(client, result)),
      persist: (id, record) => {
        this.#writes.push({ id, record, dueMs: this.#nowMs + this.#delayMs() });
      },
    });
    const stored = this.#rows.read();
    this.#known = new this.#Rows(stored);
    if (stored !== undefined) group.restore(stored, this.#nowMs);
    this.#group = group;
  }

  #delayMs(): number {
    return Math.floor(this.#random.fraction() * 300);
  }

  /** Commands answer in order. One may fail, and nobody knows whether it was applied; a crash may come between any two. */
  #store(): void {
    for (
      let write = this.#writes[0];
      write !== undefined && write.dueMs <= this.#nowMs;
      [write] = this.#writes
    ) {
      write.slices ??= slicesOf(this.#known.changesTo(write.record), this.#random);
      const fails = this.#random.fraction() < 0.05;
      const slice = write.slices.shift();
      if (slice !== undefined && (!fails || this.#random.fraction() < 0.5)) this.#rows.apply(slice);
      write.dueMs = this.#nowMs + this.#delayMs();
      if (!fails && write.slices.length > 0) continue;
      this.#writes.shift();
      const [next] = this.#writes;
      if (next !== undefined) next.dueMs = Math.max(next.dueMs, this.#nowMs);
      if (!fails) {
        this.#known.became(write.record);
        this.#checkRows(write.record);
      }
      this.#group.persisted(write.id, fails ? 'COORDINATOR_NOT_AVAILABLE' : 'NONE', this.#nowMs);
    }
  }

  /** A write that ended well left the rows of its record, and no others. */
  #checkRows({ members, targets }: GroupRecord): void {
    const stored = this.#rows.read();
    const assigned = new Map(stored?.targets.map(({ memberId, assignment }) => [memberId, assignment]));
    if (stored?.isComplete !== true || stored.members.length !== members.length)
      this.#fail(`${members.length} members are stored as ${stored?.members.length}`);
    for (const { memberId, assignment } of targets) {
      if (!(assigned.get(memberId) ?? Buffer.alloc(0)).equals(assignment))
        this.#fail(`what ${memberId} is to have is not what is stored`);
    }
  }

  #take(token: number, deliver: (client: Client) => void): void {
    const client = this.#asked.get(token);
    if (client === undefined) return;
    this.#asked.delete(token);
    if (client.waiting !== token)
      this.#fail(`token ${token} of ${client.name} was replaced and answered late`);
    this.#answers.push(() => {
      client.waiting = undefined;
      if (client.alive) deliver(client);
    });
  }

  #ask(client: Client): number {
    this.#token += 1;
    client.waiting = this.#token;
    this.#asked.set(this.#token, client);
    return this.#token;
  }

  #join(client: Client): void {
    this.#ids += 1;
    const request: JoinRequest = {
      memberId: client.memberId,
      groupInstanceId: client.instanceId,
      clientId: client.name,
      clientHost: '',
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscription([client.name]) }],
      requireKnownMemberId: client.instanceId === null,
      supportSkippingAssignment: true,
      newMemberId: `${client.name}-${this.#ids}`,
    };
    client.state = 'joining';
    this.#group.join(request, this.#ask(client), this.#nowMs);
  }

  #joined(client: Client, result: JoinResult): void {
    if (result.error === 'MEMBER_ID_REQUIRED') {
      client.memberId = result.memberId;
    } else if (result.error !== 'NONE') {
      this.#refused(client, result.error);
    } else {
      this.#enter(client, result);
    }
  }

  #enter(client: Client, result: JoinResult): void {
    client.memberId = result.memberId;
    client.generationId = result.generationId;
    const leads = result.members.length > 0 && !result.skipAssignment;
    if (leads) {
      const key = `${this.#coordinator}/${result.generationId}`;
      const other = this.#leaders.get(key);
      if (other !== undefined && other !== client.memberId) {
        this.#fail(`generation ${result.generationId} has the leaders ${other} and ${client.memberId}`);
      }
      this.#leaders.set(key, client.memberId);
    }
    client.state = 'syncing';
    const assignments = leads ? this.#assign(result) : [];
    this.#group.sync(
      {
        memberId: client.memberId,
        groupInstanceId: client.instanceId,
        generationId: client.generationId,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments,
      },
      this.#ask(client),
      this.#nowMs,
    );
  }

  #assign(result: JoinResult): { memberId: string; assignment: Buffer }[] {
    const parts = new Map(result.members.map(({ memberId }) => [memberId, [] as number[]]));
    const ids = [...parts.keys()];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      parts.get(ids[partition % ids.length] ?? '')?.push(partition);
    }
    // The generation is part of what is given, so that a stale assignment shows.
    const text = new Map([...parts].map(([id, own]) => [id, `${result.generationId}:${own.join(',')}`]));
    return [...text].map(([memberId, assignment]) => ({ memberId, assignment: Buffer.from(assignment) }));
  }

  #synced(client: Client, result: SyncResult): void {
    if (result.error !== 'NONE') {
      this.#refused(client, result.error);
      return;
    }
    client.state = 'in';
    client.owned = String(result.assignment);
    this.#hasNewOwner = true;
    client.nextHeartbeatMs = this.#nowMs + 3_000;
    this.#checkStored(client);
  }

  /** K2: what a member acts on is stored, so that the next coordinator knows it. */
  #checkStored(client: Client): void {
    const stored = this.#rows.read();
    if (stored === undefined) this.#fail(`${client.name} has an assignment and nothing is stored`);
    // The next record is on its way already.
    if (!stored.isComplete) return;
    const reader: ConsumerGroup = new this.#Group('g', CONFIG, NO_SINK);
    reader.restore(stored, this.#nowMs);
    if (reader.generationId !== client.generationId) return;
    const own = reader.describe().members.find(({ memberId }) => memberId === client.memberId);
    if (own !== undefined && String(own.assignment) !== client.owned)
      this.#fail(`${client.name} owns what is not stored`);
  }

  #refused(client: Client, error: string): void {
    client.owned = '';
    const lost = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'].includes(error);
    if (lost) Object.assign(client, { memberId: error === 'ILLEGAL_GENERATION' ? client.memberId : '' });
    client.state = 'out';
  }

  #heartbeat(client: Client): void {
    client.nextHeartbeatMs = this.#nowMs + 3_000;
    const identity = { memberId: client.memberId, groupInstanceId: client.instanceId };
    const error = this.#group.heartbeat(identity, client.generationId, this.#nowMs);
    if (error === 'REBALANCE_IN_PROGRESS') client.state = 'out';
    else if (error !== 'NONE') this.#refused(client, error);
  }

  /** Two members of one generation never own the same partition, and own what their leader gave. */
  #checkOwnership(): void {
    const owners = new Map<string, string>();
    for (const client of this.#clients) {
      if (!client.alive || client.state !== 'in' || client.owned === '') continue;
      const [generation, list] = client.owned.split(':');
      for (const partition of (list ?? '').split(',').filter((text) => text !== '')) {
        const key = `${generation}:${partition}`;
        const other = owners.get(key);
        if (other !== undefined) this.#fail(`${other} and ${client.name} both own ${key}`);
        owners.set(key, client.name);
      }
    }
  }

  #step(quiet: boolean): void {
    this.#nowMs += Math.floor(this.#random.fraction() * 200);
    this.#store();
    if (this.#group.nextDeadlineMs() <= this.#nowMs) this.#group.tick(this.#nowMs);
    for (const answer of this.#answers.splice(0)) answer();
    if (!quiet) this.#trouble();
    for (const client of this.#clients) {
      if (!client.alive || client.waiting !== undefined) continue;
      if (client.state === 'in' && client.nextHeartbeatMs <= this.#nowMs) this.#heartbeat(client);
      else if ((client.state === 'out' || client.state === 'joining') && this.#random.fraction() < 0.5)
        this.#join(client);
    }
    if (!this.#hasNewOwner) return;
    this.#hasNewOwner = false;
    this.#checkOwnership();
  }

  #trouble(): void {
    const client = this.#clients[Math.floor(this.#random.fraction() * this.#clients.length)];
    const dice = this.#random.fraction();
    if (client === undefined) return;
    if (dice < 0.01) this.#crash(client);
    else if (dice < 0.02) this.#leave(client);
    else if (dice < 0.04) this.#restart(client);
    else if (dice < 0.045) this.#startCoordinator();
    else if (dice < 0.06 && client.state === 'in') client.state = 'out';
  }

  #crash(client: Client): void {
    if (client.waiting !== undefined && this.#random.fraction() < 0.5) {
      this.#group.disconnected(new Set([client.waiting]), this.#nowMs);
      this.#asked.delete(client.waiting);
    }
    Object.assign(client, { ...FRESH, alive: false });
    this.#forget(client);
  }

  #leave(client: Client): void {
    if (client.waiting !== undefined || client.memberId === '') return;
    this.#group.leave({ memberId: client.memberId, groupInstanceId: client.instanceId }, this.#nowMs);
    Object.assign(client, FRESH);
  }

  /** A new process: it knows no member id, its old self may still be a member. */
  #restart(client: Client): void {
    if (client.waiting !== undefined) return;
    Object.assign(client, { ...FRESH, alive: true });
  }

  #forget(client: Client): void {
    for (const [token, asked] of this.#asked) if (asked === client) this.#asked.delete(token);
  }

  #isWhole(): boolean {
    return this.#group.state === 'Stable' && this.#clients.every(({ state }) => state === 'in');
  }

  /** Trouble first, then quiet in which the group has to become whole. */
  run(steps = 600): void {
    for (let step = 0; step < steps; step += 1) this.#step(false);
    for (const client of this.#clients) client.alive = true;
    // Whole for longer than any of its timeouts is whole for good.
    for (let step = 0, whole = 0; step < 1_200 && whole < 300; step += 1) {
      this.#step(true);
      whole = this.#isWhole() ? whole + 1 : 0;
    }
    if (!this.#isWhole()) {
      const lost = this.#clients.filter(({ state }) => state !== 'in').map(({ name }) => name);
      this.#fail(`the group is ${this.#group.state}, not whole without ${lost.join(', ')}`);
    }
    const owned = this.#clients.reduce(
      (sum, client) => sum + (client.owned.split(':')[1] ?? '').split(',').filter(Boolean).length,
      0,
    );
    if (owned !== PARTITIONS) this.#fail(`${owned} of ${PARTITIONS} partitions have an owner`);
  }
}

const FRESH = {
  memberId: '',
  generationId: -1,
  state: 'out',
  waiting: undefined,
  owned: '',
  nextHeartbeatMs: 0,
} as const;

const NO_SINK = { joined: () => undefined, synced: () => undefined, persist: () => undefined };
