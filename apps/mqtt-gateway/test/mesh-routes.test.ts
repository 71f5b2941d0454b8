// Which filters this gateway wants from the others, and when they know (S6).

import { type MeshResponse } from '@robustmq/rpc';
import { VirtualClock } from '@robustmq/testkit';
import { MeshRoutes, type RouteStream } from '../src/mesh/mesh-routes.ts';

describe('MeshRoutes (S6)', () => {
  class Peer implements RouteStream {
    readonly frames: MeshResponse[] = [];
    write(response: MeshResponse): void {
      this.frames.push(response);
    }
    routes(): { sequence: number; snapshot: boolean; add: string[]; remove: string[] }[] {
      return this.frames.map(({ frame }) => ({
        sequence: Number(frame.value!.sequence),
        snapshot: frame.value!.snapshot,
        add: frame.value!.add.map(({ filter }) => filter),
        remove: frame.value!.remove.map(({ filter }) => filter),
      }));
    }
  }

  test('a snapshot, then deltas; users are counted; what is undone in a turn is not sent', async () => {
    const clock = new VirtualClock();
    const routes = new MeshRoutes({ clock, timers: clock });
    const peer = new Peer();
    routes.add('t', 'a');
    routes.join(peer);
    routes.add('t', 'a');
    routes.add('t', 'b');
    routes.add('t', 'gone');
    routes.remove('t', 'gone');
    await clock.advance(0);
    routes.remove('t', 'a');
    routes.remove('t', 'b');
    await clock.advance(0);
    expect(peer.routes()).toEqual([
      { sequence: 1, snapshot: true, add: ['a'], remove: [] },
      { sequence: 2, snapshot: false, add: ['b'], remove: [] },
      { sequence: 3, snapshot: false, add: [], remove: ['b'] },
    ]);
  });

  test('N8, N13: what a peer gets when it connects comes in bounded parts, a few per turn; changes meanwhile go along', async () => {
    const timers = new VirtualClock();
    let frames = 0;
    // A clock that each frame costs two milliseconds.
    const routes = new MeshRoutes({ clock: { monotonicMs: () => frames * 2 }, timers });
    const peer = new Peer();
    const write = peer.write.bind(peer);
    peer.write = (response) => (frames++, write(response));
    const long = 'x'.repeat(20_000);
    for (let index = 0; index < 40_000; index++) routes.add('t', `f/${index}`);
    for (let index = 0; index < 20; index++) routes.add('t', `${long}/${index}`);
    routes.join(peer);
    expect(frames).toBe(3);
    routes.remove('t', 'f/0');
    routes.remove('t', 'f/39999');
    routes.add('t', 'late');
    let isKnown = false;
    routes.whenKnown(() => (isKnown = true));
    for (let before = -1; before !== frames;) {
      before = frames;
      await timers.advance(0);
    }
    const known = new Set<string>();
    for (const { add, remove } of peer.routes()) {
      for (const filter of remove) known.delete(filter);
      for (const filter of add) known.add(filter);
    }
    expect(known.size).toBe(40_019);
    expect([known.has('f/0'), known.has('f/39999'), known.has('late')]).toEqual([false, false, true]);
    expect(peer.routes().filter(({ snapshot }) => snapshot).length).toBe(1);
    for (const { frame } of peer.frames) {
      const bytes = frame.value!.add.reduce((sum, { filter }) => sum + filter.length, 0);
      expect(bytes).toBeLessThan(256 * 1024 + 65_536);
    }
    routes.acknowledged(peer, peer.routes().at(-1)!.sequence);
    expect(isKnown).toBe(true);
    routes.close();
  });

  test('SUBACK waits for every peer, for one that leaves, or 100 ms', async () => {
    const clock = new VirtualClock();
    const routes = new MeshRoutes({ clock, timers: clock });
    const peers = [new Peer(), new Peer()];
    const told: string[] = [];
    routes.whenKnown(() => told.push('alone'));
    for (const peer of peers) routes.join(peer);
    for (const peer of peers) routes.acknowledged(peer, 2);
    routes.add('t', 'a');
    routes.whenKnown(() => told.push('acknowledged'));
    await clock.advance(0);
    routes.acknowledged(peers[0]!, 3);
    expect(told).toEqual(['alone']);
    routes.leave(peers[1]!);
    expect(told).toEqual(['alone', 'acknowledged']);
    routes.add('t', 'b');
    routes.whenKnown(() => told.push('late'));
    await clock.advance(99);
    expect(told).toHaveLength(2);
    await clock.advance(1);
    expect(told).toEqual(['alone', 'acknowledged', 'late']);
    routes.add('t', 'c');
    routes.whenKnown(() => told.push('never'));
    routes.close();
    await clock.advance(1_000);
    expect(told).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  test('what another gateway gets when it connects is none of what the rest have to acknowledge', async () => {
    const clock = new VirtualClock();
    const routes = new MeshRoutes({ clock, timers: clock });
    const [old, late] = [new Peer(), new Peer()];
    const acknowledge = (peer: Peer): void => routes.acknowledged(peer, peer.routes().at(-1)!.sequence);
    routes.join(old);
    routes.add('t', 'a');
    await clock.advance(0);
    acknowledge(old);
    routes.join(late);
    const told: string[] = [];
    routes.add('t', 'a');
    routes.whenKnown(() => told.push('both'));
    expect(told).toEqual([]);
    acknowledge(late);
    expect(told).toEqual(['both']);
    routes.whenKnown(() => told.push('at once'));
    expect(told).toEqual(['both', 'at once']);
    routes.close();
  });
});
