// A disk that keeps its promises and no more: what was not synced may be lost, sector by sector, names included.
// After leveldb's fault_injection_test and tigerbeetle's storage simulator; here whole directories are modelled too.

import { assert, BrokerError } from '@robustmq/errors';
import { parentOf, type DirectoryLock, type Disk, type DiskFile } from '@robustmq/commit-log';
import type { Random } from './random.ts';
import { SimulatedContent, type Survival } from './simulated-file.ts';

/** Behaviour of a {@link SimulatedDisk}; may be changed while it runs. */
export interface DiskBehaviour {
  /** Longest duration of a sync; each takes a random time up to it. */
  syncMs: number;
  /** Probability that a sync fails. */
  syncErrorRate: number;
  /** Bytes of all files together beyond which writes fail with storage_full. */
  capacityBytes: number;
}

/** What a disk needs of time: its completions are planned, and forgotten when the process dies. */
export interface DiskScheduler {
  schedule(delayMs: number, action: () => void): unknown;
  clear(): void;
}

type NameChange = { readonly path: string; readonly content: SimulatedContent | undefined };

/** What one operation did to the names of a directory. */
interface UnsyncedChange {
  readonly directory: string | undefined;
  readonly names: readonly NameChange[];
}

/** Implements the disk port in memory, with power cuts and faults. */
export class SimulatedDisk implements Disk {
  readonly behaviour: DiskBehaviour = { syncMs: 2, syncErrorRate: 0, capacityBytes: Infinity };
  readonly #clock: DiskScheduler;
  readonly #random: Random;
  /** What programs see. */
  #names = new Map<string, SimulatedContent>();
  /** What is on the platter. */
  #durableNames = new Map<string, SimulatedContent>();
  /** Changes of names since the last sync of their directory, oldest first; a rename is one entry of two changes. */
  #unsyncedNames: UnsyncedChange[] = [];
  /** Directories made; those whose name no sync of the parent covers yet, oldest first. */
  readonly #directories = new Set<string>();
  #unsyncedDirectories: string[] = [];
  /** Directories that a process has locked; its death lets go of them. */
  readonly #locked = new Set<string>();
  /** Grows when the process dies: handles and promises of its life are void. */
  #life = 0;

  constructor(clock: DiskScheduler, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  lock(directory: string): DirectoryLock {
    this.makeDirectory(directory);
    if (this.#locked.has(directory)) throw new BrokerError('conflict', `${directory} is in use`);
    this.#locked.add(directory);
    const life = this.#life;
    return {
      release: () => {
        if (life === this.#life) this.#locked.delete(directory);
      },
    };
  }

  makeDirectory(directory: string): void {
    const above = parentOf(directory);
    if (this.#directories.has(directory)) return;
    if (above !== undefined) this.makeDirectory(above);
    this.#directories.add(directory);
    if (above !== undefined) this.#unsyncedDirectories.push(directory);
  }

  list(directory: string): string[] {
    const prefix = `${directory}/`;
    const paths = [...this.#names.keys(), ...this.#directories].filter((path) => path.startsWith(prefix));
    return paths.map((path) => path.slice(prefix.length)).filter((name) => !name.includes('/'));
  }

  exists(path: string): boolean {
    return this.#names.has(path);
  }

  /** It keeps no times: nothing is ever old. */
  modifiedAtMs(path: string): number {
    assert(this.exists(path), `${path} is there`);
    return Infinity;
  }

  open(path: string): DiskFile {
    return this.#handle(path, this.#content(path));
  }

  create(path: string): DiskFile {
    if (this.#names.has(path)) throw new BrokerError('already_exists', path);
    if (this.#usedBytes() >= this.behaviour.capacityBytes) throw new BrokerError('storage_full', path);
    const content = new SimulatedContent();
    this.#change([{ path, content }]);
    return this.#handle(path, content);
  }

  rename(from: string, to: string): void {
    if (this.#directories.has(from)) return this.#renameDirectory(from, to);
    const content = this.#content(from);
    this.#change([
      { path: from, content: undefined },
      { path: to, content },
    ]);
  }

  unlink(path: string): void {
    this.#content(path);
    this.#change([{ path, content: undefined }]);
  }

  async unlinkAsync(path: string): Promise<void> {
    await this.#pause(this.behaviour.syncMs);
    this.unlink(path);
  }

  async removeDirectory(directory: string): Promise<void> {
    await this.#pause(this.behaviour.syncMs);
    const within = (path: string): boolean => path === directory || path.startsWith(`${directory}/`);
    for (const path of this.paths().filter(within)) this.unlink(path);
    for (const each of [...this.#directories].filter(within)) this.#directories.delete(each);
    this.#unsyncedDirectories = this.#unsyncedDirectories.filter((each) => !within(each));
  }

  async syncDirectory(directory: string): Promise<void> {
    const changes = this.#unsyncedNames.filter((change) => change.directory === directory);
    const made = this.#unsyncedDirectories.filter((each) => parentOf(each) === directory);
    await this.#pause(this.behaviour.syncMs);
    this.#unsyncedDirectories = this.#unsyncedDirectories.filter((each) => !made.includes(each));
    for (const { names } of changes) apply(this.#durableNames, names);
    this.#unsyncedNames = this.#unsyncedNames.filter((change) => !changes.includes(change));
  }

  /** The process dies, the machine does not: all writes stay visible, none becomes durable by it. */
  kill(): void {
    this.#life++;
    this.#locked.clear();
    this.#clock.clear();
  }

  /** Power is cut: of what was not synced, a random part survives. */
  cutPower(survival: Survival): void {
    this.kill();
    const directories = new Set(this.#unsyncedNames.map((change) => change.directory));
    for (const directory of directories) {
      // Names are journaled: a prefix of the changes survives.
      const changes = this.#unsyncedNames.filter((change) => change.directory === directory);
      const kept = this.#random.between(0, changes.length);
      for (const { names } of changes.slice(0, kept)) apply(this.#durableNames, names);
    }
    this.#unsyncedNames = [];
    this.#loseDirectories();
    this.#names = new Map(this.#durableNames);
    // A directory whose rename or removal was lost is there again.
    for (const path of this.#names.keys())
      for (let above = parentOf(path); above !== undefined && above !== ''; above = parentOf(above))
        this.#directories.add(above);
    for (const content of new Set(this.#names.values())) content.cutPower(this.#random, survival);
  }

  /** Turns one bit of a file on the platter. */
  flipBit(path: string, position: number, bit: number): void {
    const content = this.#content(path);
    assert(position < content.sizeBytes, 'the bit is in the file');
    content.flipBit(position, bit);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** Content of a file as programs see it. */
  contentOf(path: string): Buffer {
    return this.#content(path).bytes();
  }

  /** A directory whose name was not synced may be gone, with all that was synced in it. */
  #loseDirectories(): void {
    const kept = this.#random.between(0, this.#unsyncedDirectories.length);
    for (const lost of this.#unsyncedDirectories.slice(kept)) {
      this.#directories.delete(lost);
      for (const path of this.#durableNames.keys())
        if (path.startsWith(`${lost}/`)) this.#durableNames.delete(path);
    }
    this.#unsyncedDirectories = [];
  }

  #handle(path: string, content: SimulatedContent): DiskFile {
    const life = this.#life;
    const alive = (): void => assert(life === this.#life, `${path} is used by a process that died`);
    const write = (bytes: Uint8Array, position: number): void => {
      alive();
      const more = Math.max(0, position + bytes.length - content.sizeBytes);
      const roomBytes = this.behaviour.capacityBytes - this.#usedBytes();
      if (more > roomBytes) {
        // The kernel writes what fits before it says so.
        const fits = Math.max(0, Math.min(bytes.length, bytes.length - more + Math.max(0, roomBytes)));
        if (fits > 0) content.write(bytes.subarray(0, fits), position);
        throw new BrokerError('storage_full', `no space for ${path}`);
      }
      content.write(bytes, position);
    };
    return {
      path,
      sizeBytes: () => content.sizeBytes,
      write,
      writeAsync: async (bytes, position) => {
        await this.#pause(0);
        write(bytes, position);
      },
      read: (target, position) => {
        alive();
        return content.read(target, position);
      },
      readAsync: async (target, position) => {
        await this.#pause(0);
        return content.read(target, position);
      },
      sync: () => this.#sync(path, content, alive),
      truncate: (sizeBytes) => {
        alive();
        content.truncate(sizeBytes);
      },
      close: () => undefined,
    };
  }

  async #sync(path: string, content: SimulatedContent, alive: () => void): Promise<void> {
    alive();
    const inFlight = content.beginSync();
    const fails = this.#random.chance(this.behaviour.syncErrorRate);
    await this.#pause(this.behaviour.syncMs);
    if (!fails) return content.completeSync(inFlight);
    content.failSync(inFlight);
    throw new BrokerError('storage_failed', `fdatasync of ${path} failed: EIO`);
  }

  /** Waits a random time; for ever if the process dies meanwhile. */
  #pause(longestMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.schedule(longestMs === 0 ? 0 : this.#random.between(0, longestMs), resolve);
    });
  }

  #content(path: string): SimulatedContent {
    const content = this.#names.get(path);
    if (content === undefined) throw new BrokerError('not_found', path);
    return content;
  }

  #change(names: readonly NameChange[], directory = parentOf(names[0]!.path)): void {
    apply(this.#names, names);
    this.#unsyncedNames.push({ directory, names });
  }

  /** Names are journaled in order: what was done within the directory before is on the platter before its new name. */
  #renameDirectory(from: string, to: string): void {
    assert(!this.#directories.has(to), `${to} is not there`);
    const moved = (path: string): string => `${to}${path.slice(from.length)}`;
    const within = (path: string): boolean => path.startsWith(`${from}/`);
    for (const { directory, names } of this.#unsyncedNames)
      if (directory === from) apply(this.#durableNames, names);
    this.#unsyncedNames = this.#unsyncedNames.filter(({ directory }) => directory !== from);
    const names = this.paths()
      .filter(within)
      .flatMap((path): NameChange[] => [
        { path, content: undefined },
        { path: moved(path), content: this.#content(path) },
      ]);
    this.#change(names, parentOf(from));
    for (const each of [...this.#directories].filter((path) => path === from || within(path))) {
      this.#directories.delete(each);
      this.#directories.add(moved(each));
    }
    this.#unsyncedDirectories = this.#unsyncedDirectories.map((each) =>
      each === from || within(each) ? moved(each) : each,
    );
  }

  #usedBytes(): number {
    let total = 0;
    for (const content of new Set(this.#names.values())) total += content.sizeBytes;
    return total;
  }
}

function apply(names: Map<string, SimulatedContent>, change: readonly NameChange[]): void {
  for (const { path, content } of change) {
    if (content === undefined) names.delete(path);
    else names.set(path, content);
  }
}
