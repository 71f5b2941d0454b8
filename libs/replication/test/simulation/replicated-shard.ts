// One shard on three replicas in a simulated world: crashes, power cuts, new disks, pauses and cuts of the network, and a
// ledger of what anyone has said to be committed. Everything comes from one seed.

import { invariant, World, type Life } from '@robustmq/testkit';
import { Controller } from './controller.ts';
import { CONTROLLER, type Mutant } from './frames.ts';
import { Replica } from './replica.ts';
import { ReplicaLog, type Entry } from './replica-log.ts';

const NODES = ['a', 'b', 'c'];
const QUIET_MS = 5_000;

/** What happened over all runs: a run proves nothing of what did not happen in it. */
export const COVERAGE = {
  powerCuts: 0,
  kills: 0,
  newDisks: 0,
  failedSyncs: 0,
  pauses: 0,
  cuts: 0,
  elections: 0,
  committed: 0,
};

/** See the file head. */
export class ReplicatedShard {
  readonly #world: World;
  readonly #mutant: Mutant;
  readonly #controller: Controller;
  readonly #replicas = new Map<string, Replica>();
  /** By epoch and offset: the one record of that name (rule R3). */
  readonly #names = new Map<string, number>();
  /** What anyone has said to be committed: index is the offset. */
  readonly #committed: Entry[] = [];
  /** Disks that are lost and not yet known to be. */
  readonly #wiped = new Set<string>();
  #values = 0;
  #directories = 0;

  constructor(seed: number, mutant: Mutant = 'none') {
    this.#world = new World(seed);
    this.#mutant = mutant;
    this.#controller = new Controller(NODES, mutant);
    this.#world.network.behaviour.breakRate = 0.005;
    this.#world.network.behaviour.delayMs = 10;
    this.#world.add(CONTROLLER, (life) => this.#controller.start(life));
    this.#world.start(CONTROLLER);
    for (const name of NODES) {
      this.#world.add(name, (life) => this.#open(life));
      this.#world.start(name);
    }
  }

  /** Trouble, then quiet in which all becomes whole. */
  async run(steps: number): Promise<void> {
    const { random } = this.#world;
    for (let step = 0; step < steps; step++) {
      await this.#world.run(random.between(1, 30));
      for (const replica of this.#running()) if (random.chance(0.7)) replica.append(++this.#values);
      if (random.chance(0.25)) this.#trouble();
      this.#checkLatest();
    }
    COVERAGE.failedSyncs += this.#world.exits.length;
    COVERAGE.elections += this.#controller.elections;
    COVERAGE.committed += this.#committed.length;
    await this.#becomeWhole();
    for (const name of this.#world.names) this.#world.kill(name);
  }

  async #open(life: Life): Promise<void> {
    this.#replicas.delete(life.name);
    if (this.#wiped.has(life.name)) await ReplicaLog.wipe(life.disk);
    const log = await ReplicaLog.open(life.disk, ++this.#directories);
    this.#wiped.delete(life.name);
    for (const [offset, entry] of log.entries.entries()) this.#wrote(entry, offset);
    const observer = {
      wrote: (entry: Entry, offset: number) => this.#wrote(entry, offset),
      committed: (replica: Replica, highWatermark: number) => this.#saw(life, replica, highWatermark),
    };
    this.#replicas.set(life.name, new Replica(life, log, this.#mutant, observer));
  }

  #running(): Replica[] {
    return [...this.#replicas].flatMap(([name, replica]) =>
      this.#world.isRunning(name) && !replica.isPaused ? [replica] : [],
    );
  }

  #trouble(): void {
    const { random, network } = this.#world;
    const name = random.pick(NODES);
    const dice = random.fraction();
    if (!this.#world.isRunning(name)) {
      if (dice < 0.05) this.#loseDisk(name);
      else this.#world.start(name);
    } else if (dice < 0.2) {
      COVERAGE.powerCuts++;
      this.#world.cutPower(name, { sector: random.pick([0, 0.5, 1]), size: random.pick([0, 1]) });
    } else if (dice < 0.25) {
      COVERAGE.kills++;
      this.#world.kill(name);
    } else if (dice < 0.35) {
      COVERAGE.pauses++;
      this.#world.pause(name, random.between(10, 600));
    } else if (dice < 0.5) {
      COVERAGE.cuts++;
      network.cut(name, random.pick([CONTROLLER, ...NODES]));
    } else if (dice < 0.8) {
      network.heal();
    } else if (dice < 0.9) {
      const disk = this.#world.diskOf(name);
      disk.behaviour.syncErrorRate = random.chance(0.3) ? 0.05 : 0;
      disk.behaviour.syncMs = random.pick([2, 20, 100]);
    }
  }

  /** Never the last copy: what is gone for good proves nothing. */
  #loseDisk(name: string): void {
    if (this.#wiped.size > 0 || !this.#controller.canLose(name)) return;
    COVERAGE.newDisks++;
    this.#wiped.add(name);
    this.#world.start(name);
  }

  async #becomeWhole(): Promise<void> {
    const { network } = this.#world;
    network.heal();
    network.behaviour.breakRate = 0;
    for (const name of NODES) {
      Object.assign(this.#world.diskOf(name).behaviour, { syncErrorRate: 0, syncMs: 2 });
      if (!this.#world.isRunning(name)) this.#world.start(name);
    }
    const value = ++this.#values;
    await this.#world.until('the shard is whole and takes records', QUIET_MS, () => {
      for (const name of NODES) if (!this.#world.isRunning(name)) this.#world.start(name);
      const leader = this.#leader();
      if (leader?.leader === undefined) return false;
      const last = leader.log.entries.at(-1);
      if (last?.value !== value) leader.append(value);
      const { highWatermark } = leader.leader;
      const logs = NODES.map((name) => this.#replicas.get(name)?.log.endOffset);
      return (
        this.#controller.row.isr.members.length === NODES.length &&
        leader.log.entries.at(-1)?.value === value &&
        logs.every((endOffset) => endOffset === highWatermark)
      );
    });
    invariant(
      this.#leader()!.log.endOffset >= this.#committed.length,
      'I1: the log ends below what was committed',
    );
    for (const [name, { log }] of this.#replicas)
      for (const [offset, entry] of this.#committed.entries())
        this.#same(name, offset, entry, log.entries[offset]);
  }

  /** The process that leads by what the controller says and knows it. */
  #leader(): Replica | undefined {
    const { leader, leaderEpoch } = this.#controller.row;
    const replica = this.#replicas.get(leader);
    return this.#world.isRunning(leader || CONTROLLER) && replica?.leader?.leaderEpoch === leaderEpoch
      ? replica
      : undefined;
  }

  /** R2: who leads and names the latest offset names no lower one than was seen (KIP-207). */
  #checkLatest(): void {
    const leader = this.#leader()?.leader;
    if (leader?.latestOffsetAvailable !== true) return;
    const { highWatermark } = leader;
    invariant(
      highWatermark >= this.#committed.length,
      `R2: the latest offset is ${highWatermark}, ${this.#committed.length} are committed`,
    );
  }

  #wrote({ epoch, value }: Entry, offset: number): void {
    const name = `${epoch}/${offset}`;
    const known = this.#names.get(name);
    invariant(known === undefined || known === value, `R3: ${name} names ${known} and ${value}`);
    this.#names.set(name, value);
  }

  /** What anyone said to be committed stays as it was (I2), and who says so has it (I1). */
  #saw(life: Life, { log, follower }: Replica, highWatermark: number): void {
    for (let offset = 0; offset < highWatermark; offset++) {
      const entry = log.entries[offset];
      const known = this.#committed[offset];
      // A follower is told by its leader, who was first.
      if (known === undefined && entry !== undefined && follower === undefined)
        this.#committed[offset] = entry;
      else this.#same(life.name, offset, known, entry);
    }
  }

  #same(name: string, offset: number, known: Entry | undefined, entry: Entry | undefined): void {
    invariant(entry !== undefined, `I1: ${name} has no offset ${offset}, which is committed`);
    invariant(
      known?.value === entry.value && known.epoch === entry.epoch,
      `I2: offset ${offset} was ${known?.value}, is ${entry.value} at ${name}`,
    );
  }
}
