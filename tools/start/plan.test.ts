// From the options of `npm start` to the plan.
import path from 'node:path';

import { isLoopback, planOf } from './plan.ts';

test('without options: loopback, well-known ports, MQTT clients may come without credentials', () => {
  const plan = planOf({ data: 'data' });
  expect(plan).toMatchObject({
    dataDir: path.resolve('data'),
    ports: { kind: 'default', overrides: {} },
    extraFlags: { 'mqtt-gateway': ['--auth.anonymous=true'] },
  });
  expect(plan.clientHost).toBeUndefined();
});

test('ports go by the names of their options', () => {
  const { ports } = planOf({ data: 'd', mqttPort: 2883, journalGrpcPort: 2778 });
  expect(ports).toEqual({ kind: 'default', overrides: { 'mqtt-port': 2883, 'journal-grpc-port': 2778 } });
});

test('beyond loopback MQTT clients need credentials; topics own their MQTT topic all the same', () => {
  const { clientHost, extraFlags } = planOf({ data: 'd', host: '0.0.0.0' });
  expect(clientHost).toBe('0.0.0.0');
  expect(extraFlags?.['mqtt-gateway']).toEqual([]);
  expect(extraFlags?.['meta-service']).toEqual(['--streams.default.mqtt.filter=name']);
  expect(planOf({ data: 'd', host: '127.0.0.2' }).extraFlags?.['mqtt-gateway']).toEqual([
    '--auth.anonymous=true',
  ]);
});

test.each([
  [undefined, true],
  ['localhost', true],
  ['127.0.0.1', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.0.2.1', false],
  ['127.example.org', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test('a file of a service replaces what npm start sets for trying, and no other service sees it', () => {
  const { extraFlags } = planOf({ data: 'd', mqttConfig: 'mine.yaml', adminConfig: '/etc/admin.yaml' });
  expect(extraFlags).toMatchObject({
    'mqtt-gateway': [`--config=${path.resolve('mine.yaml')}`],
    'admin-api': ['--config=/etc/admin.yaml'],
    'kafka-gateway': [],
    'meta-service': ['--streams.default.mqtt.filter=name'],
  });
});
