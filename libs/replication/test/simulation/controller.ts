// The controller of one shard: who lives, who leads, who is in sync (rules R2, R3, R5), after meta-service. Its process
// stays up: what it knows is replicated elsewhere.

import type { ConnectionEnd, Life } from '@robustmq/testkit';
import type { IsrProposal, Member } from '../../src/members.ts';
import type { Call, Mutant, ShardRow, Told } from './frames.ts';

interface Node {
  readonly nodeId: string;
  incarnation: number;
  live: boolean;
  directoryId: number;
  session: ConnectionEnd<Told, Call> | undefined;
}

/** A node that is not heard for so long is dead. */
const LEASE_MS = 150;

/** See the file head. */
export class Controller {
  readonly #mutant: Mutant;
  readonly #nodes = new Map<string, Node>();
  /** The directory that holds the copy of each replica. */
  readonly #copies = new Map<string, number>();
  #life: Life | undefined;
  row: ShardRow;
  elections = 0;

  constructor(nodeIds: readonly string[], mutant: Mutant) {
    this.#mutant = mutant;
    const members = nodeIds.map((nodeId) => ({ nodeId, incarnation: 0 }));
    this.row = { leader: '', leaderIncarnation: 0, leaderEpoch: 0, isr: { members, version: 1 } };
  }

  start(life: Life): void {
    this.#life = life;
    life.serve((end) => this.#serve(end));
  }

  /** Whether the copies of others make up for the loss of this one's disk. */
  canLose(nodeId: string): boolean {
    return this.row.isr.members.some((member) => member.nodeId !== nodeId);
  }

  #serve(end: ConnectionEnd<Told, Call>): void {
    let node: Node | undefined;
    end.listen({
      onFrame: (call) => {
        if (call.kind === 'register') node = this.#register(end, call);
        else if (node?.session === end) this.#alterIsr(node, call.proposal);
      },
      onOver: () => {
        if (node?.session === end) this.#missed(node);
      },
    });
  }

  #missed(node: Node): void {
    node.session = undefined;
    const { incarnation } = node;
    this.#life!.clock.after(LEASE_MS, () => {
      if (node.session !== undefined || node.incarnation !== incarnation) return;
      node.live = false;
      if (this.row.leader === node.nodeId) this.#put({ leader: '' });
      this.#elect();
    });
  }

  #register(end: ConnectionEnd<Told, Call>, call: Call & { kind: 'register' }): Node {
    const { nodeId, directoryId } = call;
    const known = this.#nodes.get(nodeId) ?? {
      nodeId,
      incarnation: 0,
      live: false,
      directoryId,
      session: undefined,
    };
    this.#nodes.set(nodeId, known);
    known.session?.cancel();
    known.session = end;
    if (!known.live || known.incarnation !== call.incarnation) this.#renew(known, directoryId);
    end.send({ kind: 'registered', incarnation: known.incarnation });
    end.send({ kind: 'row', row: this.row });
    this.#elect();
    return known;
  }

  /** Another run: what the one before led is led by nobody, and its membership is this one's if its copy is still there. */
  #renew(node: Node, directoryId: number): void {
    const { nodeId } = node;
    node.incarnation++;
    node.live = true;
    node.directoryId = directoryId;
    if (!this.#copies.has(nodeId)) this.#copies.set(nodeId, directoryId);
    if (this.row.leader === nodeId) {
      if (this.#mutant === 'reuse the epoch after a restart')
        this.#put({ leaderIncarnation: node.incarnation });
      else this.#put({ leader: '' });
    }
    const { members } = this.row.isr;
    if (this.#holdsCopy(node)) {
      this.#putMembers(members.map((member) => (member.nodeId === nodeId ? memberOf(node) : member)));
      return;
    }
    const others = members.filter((member) => member.nodeId !== nodeId);
    // Of the last one the lost directory stays named: unavailable, not empty.
    if (others.length === 0) return;
    this.#copies.set(nodeId, directoryId);
    this.#putMembers(others);
  }

  #holdsCopy({ nodeId, directoryId }: Node): boolean {
    return this.#mutant === 'an empty disk stays in the ISR' || this.#copies.get(nodeId) === directoryId;
  }

  #elect(): void {
    if (this.row.leader !== '') return;
    const inSync = (node: Node): boolean =>
      this.#mutant === 'elect outside of the ISR' ||
      this.row.isr.members.some((member) => member.nodeId === node.nodeId);
    const candidates = [...this.#nodes.values()].filter(
      (node) => node.live && this.#holdsCopy(node) && inSync(node),
    );
    if (candidates.length === 0) return;
    const { nodeId, incarnation } = this.#life!.random.pick(candidates);
    this.elections++;
    const { isr, leaderEpoch } = this.row;
    this.#put({
      leader: nodeId,
      leaderIncarnation: incarnation,
      leaderEpoch: leaderEpoch + 1,
      isr: { ...isr, version: isr.version + 1 },
    });
  }

  /** Compare-and-set on epoch, version and incarnations (rule R2); in this order, so that a refusal is final. */
  #alterIsr({ nodeId, incarnation, session }: Node, proposal: IsrProposal): void {
    const { leaderEpoch, isrVersion, members } = proposal;
    const { isr } = this.row;
    const leads = this.row.leader === nodeId && this.row.leaderIncarnation === incarnation;
    const answer = (outcome: (Told & { kind: 'altered' })['outcome']): void =>
      session?.send({ kind: 'altered', proposal, outcome, isr: this.row.isr });
    if (!leads || leaderEpoch !== this.row.leaderEpoch || isrVersion !== isr.version) {
      answer('conflict');
    } else if (!members.every((member) => this.#isCurrent(member))) {
      answer('refused');
    } else {
      this.#putMembers(members);
      answer('committed');
    }
  }

  #isCurrent({ nodeId, incarnation }: Member): boolean {
    const node = this.#nodes.get(nodeId);
    return node?.live === true && node.incarnation === incarnation && this.#holdsCopy(node);
  }

  #putMembers(members: readonly Member[]): void {
    this.#put({ isr: { members, version: this.row.isr.version + 1 } });
  }

  #put(change: Partial<ShardRow>): void {
    this.row = { ...this.row, ...change };
    for (const { session } of this.#nodes.values()) session?.send({ kind: 'row', row: this.row });
  }
}

function memberOf({ nodeId, incarnation }: Node): Member {
  return { nodeId, incarnation };
}
