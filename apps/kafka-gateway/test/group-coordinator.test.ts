// The coordinator's table of groups: one object per group, and none of a claim that is over.
import { DEFAULT_GROUP_CONFIG } from '@robustmq/kafka-group/testing';
import { RateLimitedLog } from '@robustmq/telemetry';
import { VirtualClock } from '@robustmq/testkit';
import { GroupCoordinator } from '../src/groups/group-coordinator.ts';
import { FakeGroupStore } from './fakes/fake-meta.ts';

const quiet = (): void => undefined;

let store: FakeGroupStore;
let coordinator: GroupCoordinator;
beforeEach(() => {
  const clock = new VirtualClock();
  store = new FakeGroupStore();
  coordinator = new GroupCoordinator({
    store,
    selfNodeId: 'kafka-1',
    config: DEFAULT_GROUP_CONFIG,
    maxGroups: 10,
    log: new RateLimitedLog({ debug: quiet, info: quiet, warn: quiet }),
    timers: clock,
    nowMs: () => clock.monotonicMs(),
  });
});

test('N7: who waited for a look that found no group, and makes it, makes it once', async () => {
  const look = coordinator.open('g', false);
  const joining = [1, 2, 3].map(() => coordinator.open('g', true));
  expect(await look).toBe('missing');
  const opened = new Set(await Promise.all(joining));
  expect([...opened]).toEqual([coordinator.loaded('g')]);
  expect(store.group('g').claim.coordinatorEpoch).toBe(1);
});

test('F1: a claim that was asked for before the lease ended is not used after it', async () => {
  const late = coordinator.open('g', true);
  coordinator.resignAll();
  expect(await late).toBe('NOT_COORDINATOR');
  expect(coordinator.groupCount).toBe(0);
  expect(await coordinator.open('g', true)).toMatchObject({ coordinatorEpoch: 2 });
});
