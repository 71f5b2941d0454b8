// A disk whose syncs a test holds back.

import type { Disk, DiskFile } from '@robustmq/commit-log';

/** A disk whose syncs wait until they are released: what arrives meanwhile is one pass. */
export class GatedDisk {
  #release: (() => void)[] = [];
  held = false;

  wrap(disk: Disk): Disk {
    const wrapped = Object.create(disk) as { -readonly [K in keyof Disk]: Disk[K] };
    wrapped.open = (name) => this.#file(disk.open(name));
    wrapped.create = (name) => this.#file(disk.create(name));
    return wrapped;
  }

  get waiting(): number {
    return this.#release.length;
  }

  release(): void {
    this.held = false;
    for (const each of this.#release.splice(0)) each();
  }

  #file(file: DiskFile): DiskFile {
    const gated = Object.create(file) as { -readonly [K in keyof DiskFile]: DiskFile[K] };
    for (const name of [
      'sizeBytes',
      'write',
      'writeAsync',
      'read',
      'readAsync',
      'truncate',
      'close',
    ] as const)
      Object.assign(gated, { [name]: file[name].bind(file) });
    gated.sync = async () => {
      if (this.held) await new Promise<void>((resolve) => this.#release.push(resolve));
      await file.sync();
    };
    return gated;
  }
}
