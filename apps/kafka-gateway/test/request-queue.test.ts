// The order of one connection: which requests start beside others, and that answers leave as the requests came (K1).
import { Random } from '@robustmq/testkit';
import type { Overlap } from '../src/overlap.ts';
import { RequestQueue, type QueuedRequest } from '../src/request-queue.ts';

const OPEN = { isOpen: true };
const ANSWER: readonly Buffer[] = [Buffer.from('answer')];

describe('RequestQueue', () => {
  let queue: RequestQueue;
  let started: string[];
  beforeEach(() => {
    queue = new RequestQueue();
    started = [];
  });

  const push = (name: string, overlap: Overlap): QueuedRequest => {
    const request: QueuedRequest = {
      overlap,
      sizeBytes: 1,
      start: () => started.push(name) > 0,
      started: false,
      answer: undefined,
    };
    queue.push(request);
    return request;
  };

  test('several Produce are under way at once', () => {
    for (const name of ['p1', 'p2', 'p3']) push(name, 'ordered');
    queue.startReady(OPEN);
    expect(started).toEqual(['p1', 'p2', 'p3']);
  });

  test('one long poll at a time, and those behind a waiting one wait with it', () => {
    const first = push('f1', 'waiting');
    push('f2', 'waiting');
    push('p', 'ordered');
    queue.startReady(OPEN);
    expect(started).toEqual(['f1']);
    first.answer = ANSWER;
    queue.startReady(OPEN);
    expect(started).toEqual(['f1', 'f2', 'p']);
  });

  test('a long poll holds up nobody but the next one', () => {
    push('f', 'waiting');
    push('heartbeat', 'exclusive');
    queue.startReady(OPEN);
    expect(started).toEqual(['f', 'heartbeat']);
  });

  test('an exclusive request waits for Produce, and all others for it', () => {
    const produce = push('p', 'ordered');
    const exclusive = push('x', 'exclusive');
    push('p2', 'ordered');
    push('f', 'waiting');
    queue.startReady(OPEN);
    expect(started).toEqual(['p']);
    produce.answer = ANSWER;
    queue.startReady(OPEN);
    expect(started).toEqual(['p', 'x']);
    exclusive.answer = ANSWER;
    queue.startReady(OPEN);
    expect(started).toEqual(['p', 'x', 'p2', 'f']);
  });

  test('nothing starts twice, and what is cleared never starts', () => {
    push('p', 'ordered');
    queue.startReady(OPEN);
    queue.startReady(OPEN);
    expect(started).toEqual(['p']);
    push('q', 'ordered');
    expect(queue.clear()).toHaveLength(2);
    queue.startReady(OPEN);
    expect([started, queue.length]).toEqual([['p'], 0]);
  });

  test('N8: what is spent of a turn holds up what comes next, and who needs a further turn to start is not overtaken (K1)', () => {
    const turns = { isOpen: true };
    let slices = 0;
    const long: QueuedRequest = {
      overlap: 'ordered',
      sizeBytes: 1,
      start: () => {
        slices += 1;
        if (slices === 3) started.push('long');
        return slices === 3;
      },
      started: false,
      answer: undefined,
    };
    push('p1', 'ordered');
    queue.push(long);
    push('p2', 'ordered');
    turns.isOpen = false;
    expect(queue.startReady(turns)).toBe(false);
    expect(started).toEqual([]);
    turns.isOpen = true;
    for (const expected of [['p1'], ['p1'], ['p1', 'long', 'p2']]) {
      expect(queue.startReady(turns)).toBe(expected.length === 3);
      expect(started).toEqual(expected);
    }
  });

  test('K1: one that turns exclusive as it starts holds up all behind it until it is answered', () => {
    push('p1', 'ordered');
    const long = push('long', 'ordered');
    push('p2', 'ordered');
    const { start } = long;
    Object.assign(long, { start: () => ((long.overlap = 'exclusive'), start()) });
    expect(queue.startReady(OPEN)).toBe(true);
    expect(started).toEqual(['p1', 'long']);
    long.answer = ANSWER;
    queue.startReady(OPEN);
    expect(started).toEqual(['p1', 'long', 'p2']);
  });

  test('an answer without bytes is one', () => {
    const silent = push('acks=0', 'ordered');
    const next = push('p', 'ordered');
    queue.startReady(OPEN);
    next.answer = ANSWER;
    expect(queue.takeAnswered()).toEqual([]);
    silent.answer = [];
    expect(queue.takeAnswered()).toEqual([silent, next]);
  });

  test('whoever finishes first, requests start and answers leave in order, and everything ends', () => {
    const kinds: readonly Overlap[] = ['exclusive', 'ordered', 'waiting'];
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = new Random(seed);
      queue = new RequestQueue();
      started = [];
      const requests = Array.from({ length: 20 }, (_, index) => push(String(index), kinds[random.below(3)]!));
      const left: QueuedRequest[] = [];
      while (queue.length > 0) {
        queue.startReady(OPEN);
        const running = requests.filter(({ started: runs, answer }) => runs && answer === undefined);
        expect(running.length).toBeGreaterThan(0);
        // Neither beside an exclusive request nor two long polls.
        const exclusive = running.find(({ overlap }) => overlap === 'exclusive');
        if (exclusive !== undefined) {
          for (const other of running) expect(other === exclusive || other.overlap === 'waiting').toBe(true);
        }
        expect(running.filter(({ overlap }) => overlap === 'waiting').length).toBeLessThanOrEqual(1);
        running[random.below(running.length)]!.answer = ANSWER;
        left.push(...queue.takeAnswered());
      }
      expect(started).toEqual(requests.map((_, index) => String(index)));
      expect(left).toEqual(requests);
    }
  });
});
