// World: processes with disks, a network between them and one clock, all from one seed. A process is a function that
// starts it; its disk outlives it, its memory, its timers and its connections do not.

import { assert, BrokerError } from '@robustmq/errors';
import { ProcessClock, type WallSkew } from './process-clock.ts';
import { Random } from './random.ts';
import { InvariantViolation } from './simulate.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { Survival } from './simulated-file.ts';
import { SimulatedNetwork, type Acceptor, type ConnectionEnd } from './simulated-network.ts';
import { drained, VirtualClock } from './virtual-clock.ts';

/** One life of a process, as it sees the world. */
export interface Life {
  readonly name: string;
  /** Grows with each start. */
  readonly number: number;
  readonly clock: ProcessClock;
  readonly disk: SimulatedDisk;
  readonly random: Random;
  /** False once it was killed: what still runs of it must do nothing any more. */
  readonly isOver: boolean;
  serve(acceptor: Acceptor): void;
  connect<Sent, Received>(to: string): ConnectionEnd<Sent, Received>;
  /** Ends itself, as `process.exit` does. */
  exit(reason: string): void;
}

/** Starts a process; a rejection ends that life. */
export type Start = (life: Life) => void | Promise<void>;

interface Process {
  readonly name: string;
  readonly start: Start;
  readonly disk: SimulatedDisk;
  readonly wall: WallSkew;
  clock: ProcessClock;
  lives: number;
  life: OpenLife | undefined;
}

interface OpenLife extends Life {
  isOver: boolean;
}

/** See the file head. */
export class World {
  readonly random: Random;
  readonly clock = new VirtualClock();
  readonly network: SimulatedNetwork;
  readonly #processes = new Map<string, Process>();
  /** Why lives ended that nobody killed, oldest first. */
  readonly exits: { readonly name: string; readonly reason: string }[] = [];

  /** What a process found broken, until the run is told. */
  #found: unknown;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.network = new SimulatedNetwork(
      this.clock,
      this.random,
      (name) => this.#processes.get(name)?.clock.standstillMs ?? 0,
    );
  }

  /** A process of the world; it does not run yet. */
  add(name: string, start: Start): void {
    assert(!this.#processes.has(name), `${name} is added once`);
    const wall = { skewMs: 0 };
    const clock = new ProcessClock(this.clock, wall);
    // The disk plans its own completions under the life of its process: they die with it.
    const scheduler = {
      schedule: (delayMs: number, action: () => void) => this.#process(name).clock.schedule(delayMs, action),
      clear: () => this.#process(name).clock.clear(),
    };
    const disk = new SimulatedDisk(scheduler, this.random);
    this.#processes.set(name, { name, start, disk, wall, clock, lives: 0, life: undefined });
  }

  get names(): readonly string[] {
    return [...this.#processes.keys()];
  }

  diskOf(name: string): SimulatedDisk {
    return this.#process(name).disk;
  }

  isRunning(name: string): boolean {
    return this.#process(name).life !== undefined;
  }

  /** Begins the next life of a process. */
  start(name: string): void {
    const process = this.#process(name);
    assert(process.life === undefined, `${name} runs already`);
    process.clock = new ProcessClock(this.clock, process.wall);
    const { network, random } = this;
    let isExiting = false;
    const life: OpenLife = {
      name,
      number: ++process.lives,
      clock: process.clock,
      disk: process.disk,
      random,
      isOver: false,
      serve: (acceptor) => {
        if (!life.isOver) network.serve(name, acceptor);
      },
      connect: <Sent, Received>(to: string) => {
        const end = network.connect<Sent, Received>(name, to);
        // What still runs of a dead process reaches nobody.
        if (life.isOver) end.cancel();
        return end;
      },
      exit: (reason) => {
        if (isExiting) return;
        isExiting = true;
        // Behind what runs at this instant, so that nothing of this life is half-way through.
        this.clock.schedule(0, () => {
          if (life.isOver) return;
          this.exits.push({ name, reason });
          this.kill(name);
        });
      },
    };
    process.life = life;
    void (async () => process.start(life))().catch((error: unknown) => {
      // Invariants and assertions are the findings of a run, not the end of a process.
      if (!(error instanceof BrokerError)) this.#found = error;
      else life.exit(error.message);
    });
  }

  /** A process stands still, as under SIGSTOP: its timers and what is sent to it wait. */
  pause(name: string, durationMs: number): void {
    this.#process(name).clock.pause(durationMs);
  }

  /** The wall clock of a machine is off by so much from now on; what measures durations does not notice. */
  setWall(name: string, skewMs: number): void {
    this.#process(name).wall.skewMs = skewMs;
  }

  /** kill -9: memory, timers and connections are gone, the disk keeps all that was written. */
  kill(name: string): void {
    if (this.#end(name)) this.#process(name).disk.kill();
  }

  /** The power of one machine goes: of what was not synced, a random part survives. */
  cutPower(name: string, survival: Survival): void {
    this.#end(name);
    this.#process(name).disk.cutPower(survival);
  }

  /** Lets time pass. @throws what a process found broken */
  async run(durationMs: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + durationMs;
    // What was started or thrown since comes first.
    await drained();
    while (this.clock.monotonicMs() < endMs) {
      await this.clock.advance(Math.min(SLICE_MS, endMs - this.clock.monotonicMs()));
      this.#raise();
    }
  }

  /** Lets time pass until something holds. @throws InvariantViolation when it does not within the limit */
  async until(what: string, limitMs: number, holds: () => boolean): Promise<void> {
    const endMs = this.clock.monotonicMs() + limitMs;
    while (!holds()) {
      if (this.clock.monotonicMs() >= endMs)
        throw new InvariantViolation(`after ${limitMs} ms of quiet: ${what}`);
      await this.run(SLICE_MS);
    }
  }

  #raise(): void {
    if (this.#found === undefined) return;
    const found = this.#found;
    this.#found = undefined;
    if (found instanceof InvariantViolation) throw found;
    const message = found instanceof Error ? found.message : 'something that is no error was thrown';
    throw new InvariantViolation(message, { cause: found });
  }

  #end(name: string): boolean {
    const process = this.#process(name);
    if (process.life === undefined) return false;
    process.life.isOver = true;
    process.life = undefined;
    process.clock.clear();
    this.network.crash(name);
    return true;
  }

  #process(name: string): Process {
    const process = this.#processes.get(name);
    assert(process !== undefined, `there is a process ${name}`);
    return process;
  }
}

/** Distance at which conditions are looked at. */
const SLICE_MS = 20;
