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
  /** While set, asynchronous reads wait in `waiting` before they begin. */
  holdReads = false;
  /** Files that were closed while a sync or read of them ran: its descriptor may be another file's by then. */
  readonly closedInUse: string[] = [];
  /** Files closed, in order. */
  readonly closed: string[] = [];
  /** Files synced, in order. */
  readonly syncedFiles: string[] = [];
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
    let users = 0;
    const using = async <T>(isHeld: boolean, work: () => Promise<T>): Promise<T> => {
      users++;
      try {
        if (isHeld) await new Promise<void>((resolve) => this.waiting.push(resolve));
        return await work();
      } finally {
        users--;
      }
    };
    file.sync = () =>
      using(this.hold, async () => {
        if (this.syncFails || isLost) throw new BrokerError('storage_failed', 'EIO');
        await sync();
        this.syncedFiles.push(file.path);
      });
    const readAsync = file.readAsync.bind(file);
    file.readAsync = (target, position) => using(this.holdReads, () => readAsync(target, position));
    const close = file.close.bind(file);
    file.close = () => {
      if (users > 0) this.closedInUse.push(file.path);
      this.closed.push(file.path);
      close();
    };
    return file;
  }

  /** Lets go on what is held. */
  release(): void {
    this.hold = this.holdReads = false;
    for (const each of this.waiting.splice(0)) each();
  }
}
