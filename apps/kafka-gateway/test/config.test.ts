// Limits that meet agree with each other, or the process does not start (N13).
import { MAX_BATCH_BYTES } from '@robustmq/record-batch';
import { kafkaGatewayConfig } from '../src/config.ts';
import { TOPIC_CONFIG } from '../src/topic-config.ts';

const load = (...argv: string[]) => kafkaGatewayConfig.load({ argv, environment: {} }).values;

test('the defaults agree', () => {
  const { kafka } = load();
  expect(kafka.maxBatchBytes).toBe(MAX_BATCH_BYTES);
  expect(kafka.maxRequestBytes).toBeGreaterThan(kafka.maxBatchBytes);
});

test('N13: a batch that is allowed fits into a request that is allowed', () => {
  expect(() => load('--kafka.maxRequestBytes=8MiB')).toThrow(
    /flag --kafka\.maxRequestBytes: kafka\.maxRequestBytes: has to be 16384 bytes more than kafka\.maxBatchBytes/,
  );
  expect(load('--kafka.maxRequestBytes=8208KiB').kafka.maxRequestBytes).toBe(8208 * 1024);
  expect(load('--kafka.maxRequestBytes=64KiB', '--kafka.maxBatchBytes=48KiB').kafka.maxBatchBytes).toBe(
    48 * 1024,
  );
});

test('N13: no batch may be larger than what journals take, nor may a topic allow one', () => {
  expect(() => load('--kafka.maxBatchBytes=9MiB', '--kafka.maxRequestBytes=32MiB')).toThrow(/maxBatchBytes/);
  const topic = TOPIC_CONFIG.get('max.message.bytes');
  expect(topic?.problem(String(MAX_BATCH_BYTES))).toBeUndefined();
  expect(topic?.problem(String(MAX_BATCH_BYTES + 1))).toBeDefined();
});

test('N13: the shortest session of a member is not longer than the longest', () => {
  expect(() => load('--groups.minSessionTimeout=10s', '--groups.maxSessionTimeout=5s')).toThrow(
    /groups\.minSessionTimeout: is above groups\.maxSessionTimeout/,
  );
});

test('N13: the memory for requests holds any one that is allowed', () => {
  const batches = '--kafka.maxBatchBytes=1MiB';
  expect(() => load(batches, '--kafka.requestMemory=2MiB', '--kafka.maxRequestBytes=3MiB')).toThrow(
    /kafka\.requestMemory: is below kafka\.maxRequestBytes/,
  );
  expect(() => load('--kafka.requestMemory=16MiB', '--kafka.maxControlRequestBytes=32MiB')).toThrow(
    /kafka\.requestMemory: is below kafka\.maxControlRequestBytes/,
  );
  expect(load('--kafka.requestMemory=16MiB').kafka.requestMemory).toBe(16 * 1024 * 1024);
});
