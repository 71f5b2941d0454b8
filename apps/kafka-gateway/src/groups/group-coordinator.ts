// GroupCoordinator: the groups that this gateway has claimed (rule K2), each run by the pure core of libs/kafka-group.
// Requests for a group that is still being claimed and loaded wait for it: clients never see "loading".
import {
  ConsumerGroup,
  StoredRows,
  type GroupConfig,
  type GroupRecord,
  type JoinRequest,
  type JoinResult,
  type StoredRecord,
  type SyncRequest,
  type SyncResult,
} from '@robustmq/kafka-group';
import type { GroupStorePort } from '@robustmq/meta-client';
import { eachInTurns, type Cancel, type Timers } from '@robustmq/runtime';
import type { RateLimitedLog } from '@robustmq/telemetry';
import { AnswerLine } from './answer-line.ts';
import { MemberMemory } from './member-memory.ts';
import { OrderedWrites } from './ordered-writes.ts';
import { groupErrorOf } from '../error-table.ts';

/** A claimed group. `ownedBy` stale claims are fenced in meta by the epoch. */
export interface OwnedGroup {
  readonly group: ConsumerGroup;
  readonly coordinatorEpoch: number;
  usedAtMs: number;
}

/** What opening a group can end in. */
export type Opened = OwnedGroup | 'missing' | 'NOT_COORDINATOR' | 'COORDINATOR_NOT_AVAILABLE';

/** What the coordinator needs. */
export interface GroupCoordinatorOptions {
  readonly store: GroupStorePort;
  readonly selfNodeId: string;
  readonly config: GroupConfig;
  /** Groups held at most; further ones are refused until some are idle. */
  readonly maxGroups: number;
  readonly memory?: MemberMemory;
  readonly log: RateLimitedLog;
  readonly timers: Timers;
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
}

/** Deadlines of members and rebalances are looked at this often. */
const TICK_MS = 100;
/** An empty group without requests for this long leaves memory; its claim and offsets stay in meta. */
const UNLOAD_AFTER_MS = 600_000;

interface Waiting {
  readonly owned: OwnedGroup;
  readonly joined?: (result: JoinResult) => void;
  readonly synced?: (result: SyncResult) => void;
}

/** See the file head. */
export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions;
  readonly #groups = new Map<string, OwnedGroup>();
  readonly #opening = new Map<string, Promise<Opened>>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #memory: MemberMemory;
  readonly #answers: AnswerLine;
  #nextToken = 1;
  #stopClock: Cancel | undefined;
  #isStopped = false;
  /** A look at all groups is under way. */
  #isLooking = false;
  /** How often everything was given up. */
  #resignations = 0;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    this.#memory = options.memory ?? new MemberMemory();
    this.#answers = new AnswerLine(options.timers);
  }

  /** Groups in memory. */
  get groupCount(): number {
    return this.#groups.size;
  }

  /** Starts the clock that expires members. */
  start(): void {
    this.#stopClock = this.#options.timers.every(TICK_MS, () => this.tick());
  }

  /** Stops the clock, sends everyone away and claims nothing more: nobody would tell a member that a deadline passed. */
  stop(): void {
    this.#isStopped = true;
    this.#stopClock?.();
    this.resignAll();
  }

  /**
   * The lease of this gateway has ended or is about to: it coordinates nothing any more (rule F1). Who waits in one of very many
   * groups hears of it in turns (N8).
   */
  resignAll(): void {
    this.#resignations += 1;
    const { nowMs, timers } = this.#options;
    const resigned = [...this.#groups.values()];
    this.#groups.clear();
    eachInTurns(resigned, { clock: { monotonicMs: nowMs }, timers }, ({ group }) => group.resign(nowMs()));
  }

  /** One look at all deadlines, over as many turns as it takes (N8); {@link start} calls it on its own. */
  tick(): void {
    // The look before is not over yet: what is due is due in the next one.
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { nowMs, timers } = this.#options;
    let memberBytes = 0;
    this.#memory.beginCount();
    eachInTurns(
      this.#groups,
      { clock: { monotonicMs: nowMs }, timers },
      ([groupId, owned]) => {
        this.#lookAt(groupId, owned, nowMs());
        if (this.#groups.get(groupId) === owned) memberBytes += owned.group.memberBytes;
      },
      () => {
        this.#isLooking = false;
        this.#memory.counted(memberBytes);
      },
    );
  }

  #lookAt(groupId: string, owned: OwnedGroup, nowMs: number): void {
    if (owned.group.nextDeadlineMs() <= nowMs) owned.group.tick(nowMs);
    const idle = owned.group.memberCount === 0 && nowMs - owned.usedAtMs > UNLOAD_AFTER_MS;
    if (idle || owned.group.state === 'Dead') this.#groups.delete(groupId);
  }

  /** The group if it is in memory. */
  loaded(groupId: string): OwnedGroup | undefined {
    return this.#groups.get(groupId);
  }

  /**
   * The group, claimed and loaded if it has to be. A group that nobody ever claimed is only made when `create` says so;
   * otherwise it is 'missing'.
   */
  async open(groupId: string, create: boolean): Promise<Opened> {
    if (this.#isStopped) return 'NOT_COORDINATOR';
    const known = this.#groups.get(groupId);
    if (known !== undefined && known.group.state !== 'Dead') {
      known.usedAtMs = this.#options.nowMs();
      return known;
    }
    // Whoever comes later waits for the first; one that must create does not settle for 'missing', nor does it claim beside
    // another that waited as well: a group has one object here, or members of the other one would wait for ever.
    for (;;) {
      const running = this.#opening.get(groupId);
      if (running === undefined) break;
      const opened = await running;
      if (opened !== 'missing' || !create) return opened;
    }
    const opening = this.#claim(groupId, create).finally(() => {
      if (this.#opening.get(groupId) === opening) this.#opening.delete(groupId);
    });
    this.#opening.set(groupId, opening);
    return opening;
  }

  async #claim(groupId: string, create: boolean): Promise<Opened> {
    const { store, selfNodeId, log, config, nowMs } = this.#options;
    if (this.#groups.size >= this.#options.maxGroups) return 'COORDINATOR_NOT_AVAILABLE';
    const resignations = this.#resignations;
    try {
      if (!create) {
        const [claim] = await store.lookup([groupId]);
        if (claim === undefined) return 'missing';
        if (claim.live && claim.nodeId !== selfNodeId) return 'NOT_COORDINATOR';
      }
      const { granted, claim, stored } = await store.claim(groupId);
      // A claim that comes too late ended with its lease: another gateway may hold the group by now (F1).
      if (!granted || this.#isStopped || this.#resignations !== resignations) return 'NOT_COORDINATOR';
      const owned = this.#own(groupId, claim.coordinatorEpoch, config, stored);
      if (stored !== undefined) owned.group.restore(stored, nowMs());
      this.#groups.set(groupId, owned);
      return owned;
    } catch (error) {
      log.warn('claim', { group_id: groupId, err: error }, 'group cannot be claimed');
      return groupErrorOf(error) === 'NOT_COORDINATOR' ? 'NOT_COORDINATOR' : 'COORDINATOR_NOT_AVAILABLE';
    }
  }

  #own(
    groupId: string,
    coordinatorEpoch: number,
    config: GroupConfig,
    stored: StoredRecord | undefined,
  ): OwnedGroup {
    const writes = new OrderedWrites();
    const rows = new StoredRows(stored);
    const write = async (record: GroupRecord): Promise<void> => {
      await this.#options.store.putRows(groupId, coordinatorEpoch, rows.changesTo(record));
      rows.became(record);
    };
    const group: ConsumerGroup = new ConsumerGroup(groupId, config, {
      joined: (token, result) => this.#answer(this.#take(token)?.joined, result),
      synced: (token, result) => this.#answer(this.#take(token)?.synced, result),
      persist: (id, record) => {
        writes
          .run(() => write(record))
          .then(
            () => group.persisted(id, 'NONE', this.#options.nowMs()),
            (error: unknown) => this.#persistFailed(owned, id, error),
          );
      },
    });
    const owned: OwnedGroup = { group, coordinatorEpoch, usedAtMs: this.#options.nowMs() };
    return owned;
  }

  #persistFailed(owned: OwnedGroup, id: number, error: unknown): void {
    const { log, nowMs } = this.#options;
    log.warn('persist', { group_id: owned.group.groupId, err: error }, 'rows of the group cannot be stored');
    if (this.fencedBy(owned, error)) return;
    owned.group.persisted(id, 'COORDINATOR_NOT_AVAILABLE', nowMs());
  }

  /** When meta says that another gateway coordinates by now, the group is let go; answers whether it was so. */
  fencedBy(owned: OwnedGroup, error: unknown): boolean {
    if (groupErrorOf(error) !== 'NOT_COORDINATOR') return false;
    if (this.#groups.get(owned.group.groupId) === owned) this.#drop(owned.group.groupId);
    return true;
  }

  #drop(groupId: string): void {
    const owned = this.#groups.get(groupId);
    this.#groups.delete(groupId);
    owned?.group.resign(this.#options.nowMs());
  }

  /** Forgets a group that was deleted. */
  forget(owned: OwnedGroup): void {
    if (this.#groups.get(owned.group.groupId) === owned) this.#groups.delete(owned.group.groupId);
  }

  #answer<T>(answer: ((result: T) => void) | undefined, result: T): void {
    if (answer !== undefined) this.#answers.give(() => answer(result));
  }

  #take(token: number): Waiting | undefined {
    const waiting = this.#waiting.get(token);
    this.#waiting.delete(token);
    return waiting;
  }

  /** JoinGroup; resolves when the rebalance has a result, or with REBALANCE_IN_PROGRESS when the client is gone. */
  join(owned: OwnedGroup, request: JoinRequest, closed: AbortSignal): Promise<JoinResult> {
    const bytes = bytesOfJoin(request);
    if (!this.#memory.tryTake(bytes))
      return Promise.resolve({ ...GONE_JOIN, error: NO_ROOM, memberId: request.memberId });
    return new Promise((resolve) => {
      this.#wait(
        { owned, joined: resolve },
        closed,
        (token) =>
          this.#takenFor(owned, bytes, () => owned.group.join(request, token, this.#options.nowMs())),
        () => resolve({ ...GONE_JOIN, memberId: request.memberId }),
      );
    });
  }

  /** SyncGroup; resolves once the assignment is stored, or with REBALANCE_IN_PROGRESS when the client is gone. */
  sync(owned: OwnedGroup, request: SyncRequest, closed: AbortSignal): Promise<SyncResult> {
    const bytes = bytesOfSync(request);
    if (!this.#memory.tryTake(bytes)) return Promise.resolve({ ...GONE_SYNC, error: NO_ROOM });
    return new Promise((resolve) => {
      this.#wait(
        { owned, synced: resolve },
        closed,
        (token) =>
          this.#takenFor(owned, bytes, () => owned.group.sync(request, token, this.#options.nowMs())),
        () => resolve(GONE_SYNC),
      );
    });
  }

  /** What the group has not kept of a request, be it refused or no news, counts no longer than it takes to ask. */
  #takenFor({ group }: OwnedGroup, takenBytes: number, ask: () => void): void {
    const beforeBytes = group.memberBytes;
    ask();
    const keptBytes = Math.max(0, group.memberBytes - beforeBytes);
    this.#memory.giveBack(Math.max(0, takenBytes - keptBytes));
  }

  /** Asks under a new token, and abandons what has no answer once the client is gone. */
  #wait(waiting: Waiting, closed: AbortSignal, ask: (token: number) => void, abandon: () => void): void {
    const token = this.#nextToken;
    this.#nextToken += 1;
    const onClosed = (): void => {
      if (this.#take(token) === undefined) return;
      waiting.owned.group.disconnected(new Set([token]), this.#options.nowMs());
      abandon();
    };
    const unhook = <T>(answer: ((result: T) => void) | undefined) =>
      answer === undefined
        ? undefined
        : (result: T): void => {
            closed.removeEventListener('abort', onClosed);
            answer(result);
          };
    const { owned, joined, synced } = waiting;
    const [onJoined, onSynced] = [unhook(joined), unhook(synced)];
    this.#waiting.set(token, {
      owned,
      ...(onJoined === undefined ? {} : { joined: onJoined }),
      ...(onSynced === undefined ? {} : { synced: onSynced }),
    });
    closed.addEventListener('abort', onClosed, { once: true });
    ask(token);
    // Of a client that had gone before it tells nothing.
    if (closed.aborted) onClosed();
  }

  /** Now, on the clock that groups run by. */
  nowMs(): number {
    return this.#options.nowMs();
  }
}

function bytesOfJoin({ newMemberId, clientId, protocols }: JoinRequest): number {
  const saidBytes = protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
  return newMemberId.length + clientId.length + saidBytes;
}

function bytesOfSync({ assignments }: SyncRequest): number {
  return assignments.reduce((sum, { assignment }) => sum + assignment.length, 0);
}

/** Clients come again. */
const NO_ROOM: JoinResult['error'] = 'COORDINATOR_NOT_AVAILABLE';
const GONE: JoinResult['error'] = 'REBALANCE_IN_PROGRESS';
const GONE_JOIN = {
  error: GONE,
  generationId: -1,
  protocolType: null,
  protocolName: null,
  leaderId: '',
  skipAssignment: false,
  members: [],
} as const;
const GONE_SYNC: SyncResult = {
  error: GONE,
  protocolType: null,
  protocolName: null,
  assignment: Buffer.alloc(0),
};
