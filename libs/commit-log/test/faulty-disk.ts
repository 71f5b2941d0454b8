import { BrokerError } from '@robustmq/errors';
import { NodeDisk, type DiskFile } from '../src/index.ts';

/** The real disk with syncs that wait to be released or fail, and a switch for a full disk. */
export class FaultyDisk extends NodeDisk {
  full = false;
  syncFails = false;
  writeFails = false;
  syncs = 0;
  /** While set, syncs wait in `waiting` after they began. */
  hold = false;
  readonly waiting: (() => void)[] = [];

  override open(path: string): DiskFile {
    return this.#faulty(super.open(path));
  }

  override create(path: string): DiskFile {
    if (this.full) throw new BrokerError('storage_full', path);
    return this.#faulty(super.create(path));
  }

  #faulty(file: DiskFile): DiskFile {
    const write = file.write.bind(file);
    const sync = file.sync.bind(file);
    file.write = (bytes, position) => {
      if (this.writeFails) throw new BrokerError('storage_failed', 'EIO');
      if (this.full && position + bytes.length > file.sizeBytes()) {
        throw new BrokerError('storage_full', file.path);
      }
      write(bytes, position);
    };
    file.sync = async () => {
      this.syncs++;
      if (this.hold) await new Promise<void>((resolve) => this.waiting.push(resolve));
      if (this.syncFails) throw new BrokerError('storage_failed', 'EIO');
      await sync();
    };
    return file;
  }
}
