// Leases by a clock that the test owns.
import { create } from '@bufbuild/protobuf';
import { NodeSchema, ServiceKind, type NodeIdentity } from '@robustmq/rpc';
import { ManualClock } from '@robustmq/runtime/testing';
import { ClusterState } from '../src/cluster/cluster-state.ts';
import { Leases } from '../src/leases.ts';

const DURATION_MS = 1_500;
const CHECK_MS = 100;

describe('leases (F1)', () => {
  let state: ClusterState;
  let clock: ManualClock;
  let leases: Leases;
  beforeEach(() => {
    state = new ClusterState();
    clock = new ManualClock();
    for (const nodeId of ['a', 'b']) {
      const row = { kind: ServiceKind.MQTT_GATEWAY, live: true, identity: { nodeId, incarnation: 1n } };
      state.install('nodes', nodeId, create(NodeSchema, row));
    }
    leases = new Leases(state, clock, DURATION_MS);
  });

  const identityOf = (nodeId: string): NodeIdentity => state.nodes.get(nodeId)!.identity!;
  const names = (identities: readonly NodeIdentity[]) => identities.map(({ nodeId }) => nodeId);
  /** Time passes for a process that looks at its leases; the nodes that are named renew. */
  const pass = (durationMs: number, ...renewing: string[]): void => {
    for (let left = durationMs; left > 0; left -= CHECK_MS) {
      clock.advance(CHECK_MS);
      leases.look();
      for (const nodeId of renewing) leases.renew(identityOf(nodeId));
    }
  };

  test('one that was not renewed runs out, the others do not', () => {
    pass(DURATION_MS - CHECK_MS, 'a');
    expect(leases.expired()).toEqual([]);
    pass(CHECK_MS, 'a');
    expect(names(leases.expired())).toEqual(['b']);
  });

  test('a renewal that comes while the end is applied is too late: the holder must not count on it', () => {
    pass(DURATION_MS, 'a');
    leases.expired();
    expect(() => leases.renew(identityOf('b'))).toThrow(expect.objectContaining({ code: 'fenced' }));
    leases.renew(identityOf('a'));
  });

  test('an end that found no room is asked for again, also after a stall', () => {
    pass(DURATION_MS, 'a');
    expect(names(leases.expired())).toEqual(['b']);
    expect(names(leases.expired())).toEqual(['b']);
    clock.advance(60_000);
    expect(names(leases.expired())).toEqual(['b']);
  });

  test('once it has ended, the next incarnation has a lease of its own', () => {
    pass(DURATION_MS, 'a');
    leases.expired();
    const row = state.nodes.get('b')!;
    state.install('nodes', 'b', { ...row, identity: { ...row.identity!, incarnation: 2n } });
    leases.renew(identityOf('b'));
    leases.forget();
    pass(DURATION_MS - CHECK_MS, 'a', 'b');
    expect(leases.expired()).toEqual([]);
    state.install('nodes', 'b', row);
    leases.renew(identityOf('b'));
  });

  test('N8: an end that takes long to apply is no stall; to stand still is one', () => {
    pass(DURATION_MS + 2_000, 'a');
    expect(names(leases.expired())).toEqual(['b']);
    clock.advance(60_000);
    leases.look();
    expect(names(leases.expired())).toEqual(['b']);
    pass(DURATION_MS - CHECK_MS);
    expect(names(leases.expired())).toEqual(['b']);
    pass(CHECK_MS);
    expect(names(leases.expired()).sort()).toEqual(['a', 'b']);
  });
});
