import { simulate, simulationLimitMs } from '@robustmq/testkit';

import { ConsumerGroup, StoredRows } from '../src/index.ts';
import { Simulation, Violation, type GroupClass, type RowsClass } from './simulation.ts';

const BUG_SEEDS = 250;

test(
  'groups hold their invariants and become whole again',
  async () => {
    await simulate({ seeds: 5_000 }, (seed) => {
      new Simulation(seed, ConsumerGroup).run();
      return Promise.resolve();
    });
  },
  simulationLimitMs(600_000),
);

/** The core with one function of one module replaced. */
function mutant(
  module: string,
  change: (actual: Record<string, unknown>) => Record<string, unknown>,
): GroupClass {
  let Group: GroupClass | undefined;
  jest.isolateModules(() => {
    jest.doMock(module, () => ({
      ...jest.requireActual<object>(module),
      ...change(jest.requireActual(module)),
    }));
    Group = jest.requireActual<{ ConsumerGroup: GroupClass }>('../src/consumer-group.ts').ConsumerGroup;
    jest.dontMock(module);
  });
  return Group as GroupClass;
}

function caught(Group: GroupClass, Rows: RowsClass = StoredRows): boolean {
  for (let seed = 1; seed <= BUG_SEEDS; seed += 1) {
    try {
      new Simulation(seed, Group, Rows).run();
    } catch (error) {
      if (error instanceof Violation) return true;
      throw error;
    }
  }
  return false;
}

describe('planted bugs are found', () => {
  test('control: the loader changes nothing by itself', () => {
    expect(caught(mutant('../src/subscription.ts', () => ({})))).toBe(false);
  });

  test.each<[string, string, (actual: Record<string, unknown>) => Record<string, unknown>]>([
    [
      'members that fall silent in a rebalance are waited for without end',
      '../src/rebalance.ts',
      () => ({ joinPhaseExpired: () => undefined }),
    ],
    [
      'everyone gets the part of the first member',
      '../src/answers.ts',
      (actual) => ({
        syncSuccess: (group: { members: Map<string, unknown> }) =>
          (actual['syncSuccess'] as (...all: unknown[]) => unknown)(
            group,
            group.members.values().next().value,
          ),
        answerSync: (
          group: { members: Map<string, unknown> },
          member: unknown,
          result: { error: string },
          nowMs: number,
        ) => {
          const first = group.members.values().next().value;
          const wrong = (actual['syncSuccess'] as (...all: unknown[]) => object)(group, first);
          const given = result.error === 'NONE' ? wrong : result;
          (actual['answerSync'] as (...all: unknown[]) => void)(group, member, given, nowMs);
        },
      }),
    ],
    [
      'the assignment is lost on its way into the record (K2)',
      '../src/record.ts',
      (actual) => ({
        restoreGroup: (group: { members: Map<string, { assignment: Buffer }> }, ...rest: unknown[]) => {
          (actual['restoreGroup'] as (...all: unknown[]) => void)(group, ...rest);
          for (const member of group.members.values()) member.assignment = Buffer.alloc(0);
        },
      }),
    ],
    [
      'waiting SyncGroups are answered before the record is stored (K2)',
      '../src/sync.ts',
      (actual) => ({
        sync: (
          group: { persistId: number; syncPersistId: number | undefined },
          request: unknown,
          token: number,
          nowMs: number,
        ) => {
          (actual['sync'] as (...all: unknown[]) => void)(group, request, token, nowMs);
          const id = group.syncPersistId;
          if (id !== undefined)
            (actual['assignmentPersisted'] as (...all: unknown[]) => void)(group, id, 'NONE', nowMs);
        },
      }),
    ],
  ])('%s', (_name, module, change) => {
    expect(caught(mutant(module, change))).toBe(true);
  });

  test('half a change is taken for the whole (K2)', () => {
    const Group = class extends ConsumerGroup {
      override restore(stored: Parameters<ConsumerGroup['restore']>[0], nowMs: number): void {
        super.restore({ ...stored, isComplete: true }, nowMs);
      }
    };
    expect(caught(Group)).toBe(true);
  });

  test('rows of a write that failed are believed to be there (K2)', () => {
    const Rows = class extends StoredRows {
      override changesTo(
        record: Parameters<StoredRows['changesTo']>[0],
      ): ReturnType<StoredRows['changesTo']> {
        const changes = super.changesTo(record);
        this.became(record);
        return changes;
      }
    };
    expect(caught(ConsumerGroup, Rows)).toBe(true);
  });

  test('rows of members that went stay (K2)', () => {
    const Rows = class extends StoredRows {
      override changesTo(
        record: Parameters<StoredRows['changesTo']>[0],
      ): ReturnType<StoredRows['changesTo']> {
        return { ...super.changesTo(record), gone: [] };
      }
    };
    expect(caught(ConsumerGroup, Rows)).toBe(true);
  });
});
