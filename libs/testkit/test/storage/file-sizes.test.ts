// The list of a commit log's files and their sizes under power cuts (L2): a file that a power cut left short is never taken for
// one that was cut short later, and nothing that was acknowledged is lost.

import { CommitLog, parentOf, type Disk } from '@robustmq/commit-log';
import {
  drained,
  invariant,
  Random,
  SimulatedDisk,
  simulate,
  simulationLimitMs,
  VirtualClock,
} from '../../src/index.ts';
import { withFiles } from './mutants.ts';

const DIRECTORY = 'volume/log';

/** One log on its disk, over its lives. */
class Run {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly disk: SimulatedDisk;
  acknowledged = 0;
  /** What a checkpoint holds, as far as this log is concerned. */
  #checkpointed = 0;
  readonly #seen: Disk;
  readonly #fileBytes: number;

  constructor(seed: number, fileBytes: number, wrap: (disk: Disk) => Disk = (disk) => disk) {
    this.random = new Random(seed);
    this.disk = new SimulatedDisk(this.clock, this.random);
    this.disk.makeDirectory(parentOf(DIRECTORY)!);
    this.#seen = wrap(this.disk);
    this.#fileBytes = fileBytes;
  }

  async open(): Promise<CommitLog> {
    const { log, recovery } = await CommitLog.open(this.#seen, DIRECTORY, {
      afterPosition: this.#checkpointed,
      fileBytes: this.#fileBytes,
      maxFrameBytes: this.#fileBytes,
      spareFiles: 1,
      newIdentity: () => Buffer.alloc(8, 7),
      onDurable: (position) => {
        this.acknowledged = Math.max(this.acknowledged, position);
      },
    });
    invariant(recovery.lastSequence >= this.acknowledged, 'I1: an acknowledged frame is gone');
    invariant(recovery.unreadableFrames.length === 0, 'L2: a torn tail is taken for damage');
    return log;
  }

  append(log: CommitLog, bytes: number): void {
    log.append([{ kind: 1, key: 1, subKey: 0, buffers: [Buffer.alloc(bytes, 1)] }]);
  }

  /** What a log does in a short life: files begun, filled, made ready, recycled and given back. */
  async life(): Promise<void> {
    const log = await this.open();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) this.append(log, 9_000);
      await log.sync();
      this.append(log, 100);
      await log.sync();
      if (round !== 1) continue;
      this.#checkpointed = log.durablePosition;
      await log.recycle(this.#checkpointed);
    }
  }
}

const SURVIVALS = [
  { sector: 0, size: 0 },
  { sector: 0.5, size: 0.5 },
  { sector: 0, size: 1 },
  { sector: 1, size: 0 },
];

/** Cuts the power behind each event of a life in turn; answers how many there were. */
async function cutEverywhere(survivalIndex: number, wrap?: (disk: Disk) => Disk): Promise<number> {
  for (let events = 0; ; events++) {
    const run = new Run(events, 8 * 4096, wrap);
    let isDone = false;
    void run.life().then(() => (isDone = true));
    await drained();
    for (let i = 0; i < events && (await run.clock.step()); i++);
    run.disk.cutPower(SURVIVALS[survivalIndex]!);
    // Twice: what the first start made of it must be sound as well.
    for (let start = 0; start < 2; start++) {
      await run.clock.settle(run.open());
      run.disk.cutPower(SURVIVALS[survivalIndex]!);
    }
    if (isDone) return events;
  }
}

test.each(SURVIVALS.map((survival, index) => [JSON.stringify(survival), index] as const))(
  'a power cut at any point of a life is never taken for a file cut short (L2, I1): survival %s',
  async (_, index) => {
    expect(await cutEverywhere(index)).toBeGreaterThan(40);
  },
);

test('and would be, if a size were listed that no sync has shown (planted)', async () => {
  const early = (disk: Disk): Disk =>
    withFiles(disk, (file) => ({
      sync: () => {
        if (!file.path.endsWith('.commit')) return file.sync();
        file.sync().catch(() => undefined);
        return Promise.resolve();
      },
    }));
  await expect(cutEverywhere(0, early)).rejects.toMatchObject({
    code: 'corrupt',
    message: expect.stringContaining('cut short') as unknown,
  });
});

test(
  'files that grow as they are written survive kills and power cuts (L2, I1)',
  async () => {
    await simulate({ seeds: 12 }, async (seed) => {
      const run = new Run(seed, 1_310_720);
      const { random, clock, disk } = run;
      for (let life = 0; life < 3; life++) {
        const log = await clock.settle(run.open());
        for (let i = random.between(1, 12); i > 0; i--) {
          run.append(log, random.between(1, 300_000));
          if (random.chance(0.3)) void log.sync();
          if (random.chance(0.3)) await clock.advance(random.between(0, 6));
        }
        if (random.chance(0.3)) disk.kill();
        else disk.cutPower({ sector: random.pick([0, 0.5]), size: random.pick([0, 0.5, 1]) });
      }
      await clock.settle(run.open());
    });
  },
  simulationLimitMs(120_000),
);
