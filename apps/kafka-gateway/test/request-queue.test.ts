// The order of one connection: which requests start beside others, and that answers leave as the requests came (K1).
import { Random } from '@robustmq/testkit';
import type { Overlap } from '../src/api.ts';
import { RequestQueue, type QueuedRequest } from '../src/request-queue.ts';

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
      start: () => started.push(name),
      started: false,
      answer: undefined,
    };
    queue.push(request);
    return request;
  };

  test('several Produce are under way at once', () => {
    for (const name of ['p1', 'p2', 'p3']) push(name, 'ordered');
    queue.startReady();
    expect(started).toEqual(['p1', 'p2', 'p3']);
  });

  test('one long poll at a time, and those behind a waiting one wait with it', () => {
    const first = push('f1', 'waiting');
    push('f2', 'waiting');
    push('p', 'ordered');
    queue.startReady();
    expect(started).toEqual(['f1']);
    first.answer = ANSWER;
    queue.startReady();
    expect(started).toEqual(['f1', 'f2', 'p']);
  });

  test('a long poll holds up nobody but the next one', () => {
    push('f', 'waiting');
    push('heartbeat', 'exclusive');
    queue.startReady();
    expect(started).toEqual(['f', 'heartbeat']);
  });

  test('an exclusive request waits for Produce, and all others for it', () => {
    const produce = push('p', 'ordered');
    const exclusive = push('x', 'exclusive');
    push('p2', 'ordered');
    push('f', 'waiting');
    queue.startReady();
    expect(started).toEqual(['p']);
    produce.answer = ANSWER;
    queue.startReady();
    expect(started).toEqual(['p', 'x']);
    exclusive.answer = ANSWER;
    queue.startReady();
    expect(started).toEqual(['p', 'x', 'p2', 'f']);
  });

  test('nothing starts twice, and what is cleared never starts', () => {
    push('p', 'ordered');
    queue.startReady();
    queue.startReady();
    expect(started).toEqual(['p']);
    push('q', 'ordered');
    expect(queue.clear()).toHaveLength(2);
    queue.startReady();
    expect([started, queue.length]).toEqual([['p'], 0]);
  });

  test('an answer without bytes is one', () => {
    const silent = push('acks=0', 'ordered');
    const next = push('p', 'ordered');
    queue.startReady();
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
        queue.startReady();
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
