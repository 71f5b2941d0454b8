// A file system in a file: its backing file is the disk, and a copy of that is what is left after the power went.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';

const COPY_ATTEMPTS = 10;

/** A mounted ext4 image. */
export class LoopImage {
  readonly image: string;
  readonly mountPoint: string;
  readonly #device: string;

  private constructor(image: string, mountPoint: string) {
    this.image = image;
    this.mountPoint = mountPoint;
    mkdirSync(mountPoint, { recursive: true });
    this.#device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    try {
      execFileSync('mount', [this.#device, mountPoint]);
    } catch (error) {
      execFileSync('losetup', ['--detach', this.#device]);
      throw error;
    }
  }

  /** A new, empty file system. */
  static create(image: string, mountPoint: string, sizeBytes: number): LoopImage {
    writeFileSync(image, '');
    truncateSync(image, sizeBytes);
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
    return new LoopImage(image, mountPoint);
  }

  /** Mounts an image that exists; ext4 replays its journal, as after a power cut. */
  static mount(image: string, mountPoint: string): LoopImage {
    return new LoopImage(image, mountPoint);
  }

  /**
   * Copies the backing file as it is. Its writers must be stopped; what the kernel wrote back meanwhile makes the copy a
   * mixture of two instants, so it is done again until the device's statistics stood still.
   */
  copyTo(target: string): void {
    for (let attempt = 0; attempt < COPY_ATTEMPTS; attempt += 1) {
      const before = this.#statistics();
      execFileSync('cp', ['--sparse=always', this.image, target]);
      if (this.#statistics() === before) return;
    }
    throw new BrokerError('unavailable', `the loop device never stood still in ${COPY_ATTEMPTS} copies`);
  }

  /** Writes and flushes of the device so far: reads do not change the image. */
  #statistics(): string {
    const fields = readFileSync(`/sys/block/${path.basename(this.#device)}/stat`, 'latin1')
      .trim()
      .split(/\s+/);
    return [...fields.slice(4, 7), ...fields.slice(15)].join(' ');
  }

  /** Unmounts, detaches and deletes. */
  remove(): void {
    execFileSync('umount', [this.mountPoint]);
    execFileSync('losetup', ['--detach', this.#device]);
    rmSync(this.image, { force: true });
  }
}
