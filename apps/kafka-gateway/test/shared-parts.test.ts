// What all connections share: the memory for requests, blocks of producer ids, and how partitions are spread.
import { BrokerError } from '@robustmq/errors';
import { parseAddress, partitionBrokers, rendezvousOrder } from '../src/brokers.ts';
import { isBrokerThrottle, isKafkaDefault, isNeverSet } from '../src/kafka-defaults.ts';
import { MemoryBudget } from '../src/memory-budget.ts';
import type { BrokerView } from '../src/ports.ts';
import { ProducerIdAllocator } from '../src/producer-id-allocator.ts';
import { topicNameProblem } from '../src/topic-name.ts';
import { topicConfigProblem } from '../src/topic-config.ts';

describe('MemoryBudget (I8)', () => {
  test('who waits for room is called once, when there is some', () => {
    const budget = new MemoryBudget(100);
    let calls = 0;
    const resume = (): void => void (calls += 1);
    budget.add(150);
    budget.onRoom(resume);
    budget.onRoom(resume);
    budget.add(-50);
    expect([budget.exhausted, calls]).toEqual([true, 0]);
    budget.add(-1);
    expect([budget.exhausted, calls]).toEqual([false, 1]);
    budget.add(-1);
    expect(calls).toBe(1);
  });

  test('N7: without room one at a time may pass, and whoever is next is told', () => {
    const budget = new MemoryBudget(100);
    budget.add(100);
    const told: string[] = [];
    const first = (): void => void told.push('first');
    const uninterested = (): void => void told.push('uninterested');
    const second = (): void => void told.push(`second ${budget.mayPass(second)}`);
    expect([budget.mayPass(first), budget.mayPass(second), budget.mayPass(first)]).toEqual([
      true,
      false,
      true,
    ]);
    for (const each of [uninterested, second, first]) budget.onRoom(each);
    budget.passed(second);
    expect(told).toEqual([]);
    budget.passed(first);
    expect(told).toEqual(['uninterested', 'second true']);
    expect(budget.mayPass(first)).toBe(false);
    budget.forget(second);
    expect([told.at(-1), budget.mayPass(first)]).toEqual(['first', true]);
  });

  test('who takes the room at once is asked to wait again, and nobody is called for ever', () => {
    const budget = new MemoryBudget(100);
    budget.add(100);
    const order: string[] = [];
    const greedy = (): void => {
      order.push('greedy');
      budget.add(100);
      budget.onRoom(greedy);
    };
    budget.onRoom(greedy);
    budget.onRoom(() => order.push('patient'));
    budget.add(-10);
    expect(order).toEqual(['greedy', 'patient']);
  });

  test('who is gone is not called', () => {
    const budget = new MemoryBudget(1);
    const resume = (): void => {
      throw new RangeError('called');
    };
    budget.add(1);
    budget.onRoom(resume);
    budget.forget(resume);
    budget.add(-1);
  });
});

describe('ProducerIdAllocator', () => {
  test('no id is given twice, and a block is asked for once for all who wait', async () => {
    let blocks = 0;
    const ids = new ProducerIdAllocator({
      allocateProducerIds: (count) => Promise.resolve({ base: (blocks += 1) * 10_000, count }),
    });
    const given = await Promise.all(Array.from({ length: 2_500 }, () => ids.next()));
    expect(new Set(given).size).toBe(2_500);
    expect(blocks).toBe(3);
  });

  test('without meta all who wait hear so, and the next one asks again', async () => {
    let isAway = true;
    const ids = new ProducerIdAllocator({
      allocateProducerIds: (count) =>
        isAway ? Promise.reject(new BrokerError('unavailable', 'away')) : Promise.resolve({ base: 7, count }),
    });
    for (const waiting of [ids.next(), ids.next()])
      await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    isAway = false;
    expect(await ids.next()).toBe(7);
  });
});

describe('brokers', () => {
  const brokers = (numbers: readonly number[]): BrokerView[] =>
    numbers.map((number) => ({
      nodeId: `kafka-${number}`,
      incarnation: 1,
      number,
      address: `10.0.0.${number}:9092`,
      rack: null,
    }));

  test.each([
    ['example.org:9092', 'example.org', 9092],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['[::1]:9092', '::1', 9092],
  ])('%s is a host and a port', (address, host, port) => {
    expect(parseAddress(address)).toEqual({ host, port });
  });

  test('a partition moves only when its broker goes', () => {
    const all = brokers([1, 2, 3, 4, 5]);
    const without = all.filter(({ number }) => number !== 3);
    for (let shard = 0; shard < 200; shard += 1) {
      const [before] = partitionBrokers(all, 9, shard, 1);
      const [after] = partitionBrokers(without, 9, shard, 1);
      if (before === 3) expect(after).not.toBe(3);
      else expect(after).toBe(before);
    }
  });

  test('every broker has its part, whatever the order in which they are named', () => {
    const all = brokers([1, 2, 3, 4]);
    const counts = new Map<number, number>();
    for (let shard = 0; shard < 400; shard += 1) {
      const order = rendezvousOrder(all, `7-${shard}`).map(({ number }) => number);
      expect(rendezvousOrder(all.toReversed(), `7-${shard}`).map(({ number }) => number)).toEqual(order);
      counts.set(order[0]!, (counts.get(order[0]!) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(50);
    expect(counts.size).toBe(4);
  });

  test('replicas are others than the leader, as far as there are gateways', () => {
    expect(new Set(partitionBrokers(brokers([1, 2, 3]), 1, 0, 2)).size).toBe(2);
    expect(partitionBrokers(brokers([8]), 1, 0, 3)).toEqual([8]);
    expect(partitionBrokers(brokers([8, 9]), 1, 0, 0)).toHaveLength(1);
    expect(partitionBrokers([], 1, 0, 1)).toEqual([]);
  });
});

describe('names and configurations of topics', () => {
  test.each<[string, boolean]>([
    ['a', true],
    ['A-b_c.9', true],
    ['x'.repeat(249), true],
    ['x'.repeat(250), false],
    ['', false],
    ['.', false],
    ['..', false],
    ['...', true],
    ['a b', false],
    ['a/b', false],
    ['ü', false],
    ['a\n', false],
  ])('name %j: legal %s', (name, isLegal) => {
    expect(topicNameProblem(name) === undefined).toBe(isLegal);
  });

  test.each<[string, string | null, boolean]>([
    ['preallocate', 'false', true],
    ['preallocate', ' false ', true],
    ['preallocate', 'true', false],
    ['preallocate', null, false],
    ['flush.ms', '9223372036854775807', true],
    ['retention.ms', '604800000', false],
  ])('%s=%s is what Kafka does without being asked: %s', (name, value, isDefault) => {
    expect(isKafkaDefault(name, value)).toBe(isDefault);
  });

  test('what is never set has no value that counts, and a throttle is no configuration of a topic', () => {
    expect([isNeverSet('preallocate'), isNeverSet('retention.ms')]).toEqual([true, false]);
    expect(isBrokerThrottle('leader.replication.throttled.rate')).toBe(true);
    expect(isBrokerThrottle('leader.replication.throttled.replicas')).toBe(false);
  });

  test.each<[string, string, boolean]>([
    ['retention.ms', '-1', true],
    ['retention.ms', '-2', false],
    ['retention.ms', '9223372036854775807', true],
    ['retention.ms', '9223372036854775808', false],
    ['retention.ms', '1e3', false],
    ['retention.ms', '', false],
    ['segment.bytes', '1048576', true],
    ['segment.bytes', '1048575', false],
    ['segment.bytes', '2147483648', false],
    ['min.insync.replicas', '0', false],
    ['cleanup.policy', 'compact', false],
    ['compression.type', 'zstd', false],
    ['message.timestamp.type', 'LogAppendTime', true],
    ['no.such', '1', false],
  ])('%s=%s: taken %s', (name, value, isTaken) => {
    expect(topicConfigProblem({ [name]: value }, false) === undefined).toBe(isTaken);
  });

  test('what is fixed at creation can be given there only', () => {
    expect(topicConfigProblem({ 'mqtt.filter': 'a/#' }, false)).toBeUndefined();
    expect(topicConfigProblem({ 'mqtt.filter': 'a/#' }, true)).toMatch(/fixed at creation/);
  });
});
