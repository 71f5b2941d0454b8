import { NodeDisk, type DiskFile } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

/** The real disk with a switch for a full disk and one for failing syncs. */
export class FaultyDisk extends NodeDisk {
  full = false;
  syncFails = false;

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
      if (this.full && position + bytes.length > file.sizeBytes())
        throw new BrokerError('storage_full', file.path);
      write(bytes, position);
    };
    file.sync = () => (this.syncFails ? Promise.reject(new BrokerError('storage_failed', 'EIO')) : sync());
    return file;
  }
}
