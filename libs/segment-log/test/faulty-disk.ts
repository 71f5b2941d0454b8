import { NodeDisk, type DiskFile } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

/** The real disk with a switch for a full disk and one for failing syncs. */
export class FaultyDisk extends NodeDisk {
  full = false;
  syncFails = false;
  /** While set, writes fail later: as with the kernel's, only a handle that was open then is told, by its next sync. */
  writebackFails = false;
  /** While set, syncs wait in `waiting` after they began. */
  hold = false;
  readonly waiting: (() => void)[] = [];
  /** Files that were closed while a sync of them ran: its descriptor may be another file's by then. */
  readonly closedInSync: string[] = [];
  /** Directories synced, in order. */
  readonly syncedDirectories: string[] = [];

  override async syncDirectory(directory: string): Promise<void> {
    await super.syncDirectory(directory);
    this.syncedDirectories.push(directory);
  }

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
    let isLost = false;
    file.write = (bytes, position) => {
      if (this.full && position + bytes.length > file.sizeBytes())
        throw new BrokerError('storage_full', file.path);
      write(bytes, position);
      isLost ||= this.writebackFails;
    };
    let syncing = 0;
    file.sync = async () => {
      syncing++;
      try {
        if (this.hold) await new Promise<void>((resolve) => this.waiting.push(resolve));
        if (this.syncFails || isLost) throw new BrokerError('storage_failed', 'EIO');
        await sync();
      } finally {
        syncing--;
      }
    };
    const close = file.close.bind(file);
    file.close = () => {
      if (syncing > 0) this.closedInSync.push(file.path);
      close();
    };
    return file;
  }
}
