// A cluster in memory around the cores: logs whose unsynced tail is lost in a crash, a network that delays and drops, a
// controller that elects from the ISR. One seed, one course of events.

import { InvariantViolation, Random } from '@robustmq/testkit';

import { ShardLeader, type IsrProposal, type Member } from '../src/index.ts';
import { ShardFollower, truncationFor, type EpochEnd } from '../src/follower.ts';

/** Bugs that a simulation must find. */
export type Mutant =
  'none' | 'report what is not durable' | 'reuse the epoch after a restart' | 'elect outside of the ISR';

interface Entry {
  readonly epoch: number;
  readonly value: number;
}

interface Node {
  readonly nodeId: string;
  incarnation: number;
  alive: boolean;
  log: Entry[];
  durable: number;
  leader: ShardLeader | undefined;
  follower: ShardFollower | undefined;
}

interface Message {
  readonly atMs: number;
  readonly deliver: () => void;
}

const NODES = ['a', 'b', 'c'];

/** Runs `steps` random events; throws what an invariant says. */
export class ClusterModel {
  readonly #random: Random;
  readonly #mutant: Mutant;
  readonly #nodes = new Map<string, Node>();
  #controller = { epoch: 0, leader: '', isr: [...NODES], version: 1 };
  #messages: Message[] = [];
  #nowMs = 0;
  #values = 0;
  /** What observers have seen committed: index is the offset. */
  readonly committed: Entry[] = [];
  elections = 0;

  constructor(seed: number, mutant: Mutant = 'none') {
    this.#random = new Random(seed);
    this.#mutant = mutant;
    for (const nodeId of NODES) {
      this.#nodes.set(nodeId, {
        nodeId,
        incarnation: 1,
        alive: true,
        log: [],
        durable: 0,
        leader: undefined,
        follower: undefined,
      });
    }
    this.#elect('a');
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#nowMs += 1 + Math.floor(this.#random.fraction() * 50);
      this.#deliver();
      this.#act();
    }
    // All come back and catch up: what was committed must still be there.
    for (const node of this.#nodes.values()) if (!node.alive) this.#restart(node);
    for (let step = 0; step < 400; step++) {
      this.#nowMs += 20;
      this.#deliver();
      this.#control();
      for (const node of this.#nodes.values()) {
        node.durable = node.log.length;
        node.leader?.durable(node.log.length);
        this.#fetch(node, 0);
      }
    }
    this.#checkLeader();
  }

  #act(): void {
    const node = this.#pick();
    const dice = this.#random.fraction();
    if (dice < 0.3) this.#append();
    else if (dice < 0.55) this.#sync(node);
    else if (dice < 0.85) this.#fetch(node, 0.1);
    else if (dice < 0.9) this.#control();
    else if (dice < 0.94) this.#crash(node);
    else if (dice < 0.99 && !node.alive) this.#restart(node);
    else node.leader?.tick(this.#nowMs);
  }

  #pick(): Node {
    return this.#nodes.get(NODES[Math.floor(this.#random.fraction() * NODES.length)]!)!;
  }

  #leader(): Node | undefined {
    const node = this.#nodes.get(this.#controller.leader);
    return node?.alive === true && node.leader?.leaderEpoch === this.#controller.epoch ? node : undefined;
  }

  #append(): void {
    const node = this.#leader();
    if (node?.leader === undefined || node.leader.resigned) return;
    node.log.push({ epoch: node.leader.leaderEpoch, value: ++this.#values });
    node.leader.appended(node.log.length);
  }

  #sync(node: Node): void {
    if (!node.alive) return;
    node.durable = node.log.length;
    node.leader?.durable(node.durable);
    node.follower?.durable(node.durable);
  }

  /** A crash loses what was not synced; now and then a process is killed and the pages survive. */
  #crash(node: Node): void {
    const others = [...this.#nodes.values()].filter((other) => other.alive).length;
    if (!node.alive || others < 2) return;
    node.alive = false;
    if (this.#random.fraction() < 0.7) node.log.length = node.durable;
    else node.durable = node.log.length;
    node.leader = undefined;
    node.follower = undefined;
  }

  #restart(node: Node): void {
    node.alive = true;
    node.incarnation++;
    // Recovery makes durable what it found (rule L5).
    node.durable = node.log.length;
    const wasLeader = this.#controller.leader === node.nodeId;
    if (wasLeader && this.#mutant === 'reuse the epoch after a restart') this.#lead(node);
  }

  /** The controller notices who is gone and elects, cleanly, from the ISR. */
  #control(): void {
    const leader = this.#nodes.get(this.#controller.leader)!;
    if (this.#leader() !== undefined) {
      const members = this.#members(this.#controller.isr);
      leader.leader!.isrCommitted({ members, version: this.#controller.version }, this.#nowMs);
      return;
    }
    const pool = this.#mutant === 'elect outside of the ISR' ? NODES : this.#controller.isr;
    const candidates = pool.filter((nodeId) => this.#nodes.get(nodeId)!.alive);
    if (candidates.length === 0) return;
    this.#elect(candidates[Math.floor(this.#random.fraction() * candidates.length)]!);
  }

  #elect(nodeId: string): void {
    this.elections++;
    this.#controller.epoch++;
    this.#controller.leader = nodeId;
    this.#controller.version++;
    for (const node of this.#nodes.values()) {
      if (node.alive && node.nodeId !== nodeId) {
        node.leader?.resign();
        node.leader = undefined;
      }
    }
    this.#lead(this.#nodes.get(nodeId)!);
  }

  #lead(node: Node): void {
    const highWatermark = Math.min(node.follower?.highWatermark ?? 0, node.log.length);
    node.follower = undefined;
    node.leader = new ShardLeader(
      {
        self: this.#member(node),
        leaderEpoch: this.#controller.epoch,
        isr: { members: this.#members(this.#controller.isr), version: this.#controller.version },
        logEndOffset: node.log.length,
        durableLogEndOffset: node.durable,
        highWatermark,
        minInsyncReplicas: 1,
        replicaLagMaxMs: 200,
      },
      {
        highWatermarkAdvanced: () => this.#observe(node),
        proposeIsr: (proposal) => this.#propose(node, proposal),
      },
      this.#nowMs,
    );
    this.#observe(node);
  }

  /** Compare-and-set at the controller, answered after a while (rule R2). */
  #propose(node: Node, proposal: IsrProposal): void {
    const core = (): ShardLeader | undefined => node.leader;
    this.#send(0, () => {
      const stale =
        proposal.leaderEpoch !== this.#controller.epoch ||
        proposal.isrVersion !== this.#controller.version ||
        proposal.members.some((member) => this.#nodes.get(member.nodeId)!.incarnation !== member.incarnation);
      if (!stale) {
        this.#controller.isr = proposal.members.map((member) => member.nodeId);
        this.#controller.version++;
      }
      const isr = { members: this.#members(this.#controller.isr), version: this.#controller.version };
      this.#send(0, () => {
        if (core()?.leaderEpoch !== proposal.leaderEpoch) return;
        if (stale) core()?.isrRefused(isr, this.#nowMs);
        else core()?.isrCommitted(isr, this.#nowMs);
      });
    });
  }

  /** One fetch of a follower, with its report; both ways may be lost. */
  #fetch(node: Node, loss: number): void {
    if (!node.alive || node.nodeId === this.#controller.leader) return;
    if (node.follower?.leaderEpoch !== this.#controller.epoch) {
      node.follower = new ShardFollower(
        this.#controller.epoch,
        Math.min(node.follower?.highWatermark ?? 0, node.log.length),
      );
    }
    const member = this.#member(node);
    const { epoch } = this.#controller;
    const lastEpoch = node.log.at(-1)?.epoch ?? -1;
    const from = node.log.length;
    const reportedOffset = this.#mutant === 'report what is not durable' ? node.log.length : node.durable;
    this.#send(loss, () => {
      const leader = this.#leader();
      if (leader?.leader === undefined || leader.leader.leaderEpoch !== epoch) return;
      const answer = endOffsetFor(leader.log, lastEpoch);
      if (lastEpoch >= 0 && (answer.leaderEpoch !== lastEpoch || answer.endOffset < from)) {
        this.#send(loss, () => this.#truncate(node, member, epoch, answer, lastEpoch, from));
        return;
      }
      leader.leader.reported(member, Math.min(reportedOffset, from), this.#nowMs);
      const entries = leader.log.slice(from, from + 5);
      const { highWatermark } = leader.leader;
      this.#send(loss, () => {
        if (!this.#follows(node, member, epoch) || node.log.length !== from) return;
        if ((node.log.at(-1)?.epoch ?? -1) !== lastEpoch) return;
        node.log.push(...entries);
        node.follower!.leaderReported(highWatermark, node.durable);
      });
    });
  }

  #truncate(
    node: Node,
    member: Member,
    epoch: number,
    answer: EpochEnd,
    lastEpoch: number,
    from: number,
  ): void {
    if (!this.#follows(node, member, epoch)) return;
    if ((node.log.at(-1)?.epoch ?? -1) !== lastEpoch || node.log.length !== from) return;
    const { offset } = truncationFor(
      {
        logEndOffset: () => node.log.length,
        latestEpoch: () => node.log.at(-1)?.epoch ?? -1,
        endOffsetFor: (each) => endOffsetFor(node.log, each),
      },
      answer,
    );
    node.follower!.assertTruncation(offset);
    node.log.length = offset;
    node.durable = Math.min(node.durable, offset);
  }

  #follows(node: Node, member: Member, epoch: number): boolean {
    return node.alive && node.incarnation === member.incarnation && node.follower?.leaderEpoch === epoch;
  }

  /** What anyone may have seen below HW stays as it was (I2), and every leader has it (I1). */
  #observe(node: Node): void {
    const { leader } = node;
    if (leader === undefined) return;
    for (let offset = 0; offset < leader.highWatermark; offset++) {
      const entry = node.log[offset];
      const seen = this.committed[offset];
      if (entry === undefined)
        throw new InvariantViolation(
          `I1: ${node.nodeId} has HW ${leader.highWatermark} and no offset ${offset}`,
        );
      if (seen === undefined) this.committed[offset] = entry;
      else if (seen.value !== entry.value || seen.epoch !== entry.epoch) {
        throw new InvariantViolation(
          `I2: offset ${offset} was ${seen.value}, is ${entry.value} at ${node.nodeId}`,
        );
      }
    }
  }

  #checkLeader(): void {
    const leader = this.#leader();
    if (leader?.leader === undefined) throw new InvariantViolation('no leader although all are alive');
    if (leader.leader.highWatermark < this.committed.length) {
      throw new InvariantViolation(
        `I1: HW ${leader.leader.highWatermark} below ${this.committed.length} committed`,
      );
    }
    this.#observe(leader);
  }

  #member(node: Node): Member {
    return { nodeId: node.nodeId, incarnation: node.incarnation };
  }

  #members(nodeIds: readonly string[]): Member[] {
    return nodeIds.map((nodeId) => this.#member(this.#nodes.get(nodeId)!));
  }

  #send(loss: number, deliver: () => void): void {
    if (this.#random.fraction() < loss) return;
    this.#messages.push({ atMs: this.#nowMs + Math.floor(this.#random.fraction() * 100), deliver });
  }

  #deliver(): void {
    const due = this.#messages.filter((message) => message.atMs <= this.#nowMs);
    this.#messages = this.#messages.filter((message) => message.atMs > this.#nowMs);
    for (const message of due.sort((left, right) => left.atMs - right.atMs)) message.deliver();
  }
}

function endOffsetFor(log: readonly Entry[], epoch: number): EpochEnd {
  let end: EpochEnd = { leaderEpoch: -1, endOffset: -1 };
  log.forEach((entry, index) => {
    if (entry.epoch <= epoch) end = { leaderEpoch: entry.epoch, endOffset: index + 1 };
  });
  return end;
}
