// meta-service among the nodes of its own cluster.
import { ServiceKind } from '@robustmq/rpc';
import { drained, VirtualClock } from '@robustmq/testkit';
import { selfIncarnations } from '../src/self-registration.ts';
import { TestMeta } from './support/test-meta.ts';

const RENEW_MS = 400;

describe('meta-service as a node', () => {
  let world: TestMeta;
  let clock: VirtualClock;
  const lines: string[] = [];
  beforeEach(async () => {
    world = await TestMeta.open();
    clock = new VirtualClock();
    lines.length = 0;
  });
  afterEach(() => world.remove());

  const log = (_fields: object, text?: string): void => void lines.push(text ?? '');
  const start = async () => {
    const incarnations = selfIncarnations({
      meta: world.meta,
      description: { nodeId: 'meta-1', kind: ServiceKind.META, endpoints: { grpc: 'h:1' } },
      renewIntervalMs: RENEW_MS,
      timers: clock,
      log: { info: log, warn: log, error: log },
    });
    await incarnations.start();
    return incarnations;
  };
  const row = () => world.meta.state.nodes.get('meta-1')!;
  const pass = async (durationMs: number): Promise<void> => {
    for (let left = durationMs; left > 0; left -= 100) {
      world.clock.advance(100);
      await clock.advance(100);
      await world.meta.endExpiredLeases();
    }
  };

  test('is registered, and its lease is renewed', async () => {
    await start();
    expect(row()).toMatchObject({ kind: ServiceKind.META, live: true, endpoints: { grpc: 'h:1' } });
    await pass(5_000);
    expect([row().live, row().identity!.incarnation]).toEqual([true, 1n]);
  });

  test('N9, F1: registers again when another took its name, instead of ending with a throw in a timer', async () => {
    await start();
    await world.register('meta-1', ServiceKind.META);
    expect(row().identity!.incarnation).toBe(2n);
    await clock.advance(RENEW_MS);
    while (lines.filter((text) => text === 'registered').length < 2) {
      await clock.advance(100);
      await drained();
    }
    await pass(5_000);
    expect([row().live, row().identity!.incarnation]).toEqual([true, 3n]);
    expect(lines.join()).toContain('lease lost');
  });

  test('a release ends it', async () => {
    const incarnations = await start();
    await incarnations.close();
    expect(row().live).toBe(false);
    await pass(2_000);
    expect(row().live).toBe(false);
  });
});
