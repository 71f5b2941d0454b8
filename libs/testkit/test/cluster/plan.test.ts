// From "so many of each" to command lines.
import { portOption } from '../../src/cluster/index.ts';
import { ONE_OF_EACH, planCluster } from '../../src/cluster/plan.ts';
import { commandLine, nodeFlagsOf } from '../../src/cluster/service.ts';

const BASE = { dataDir: '/data', counts: ONE_OF_EACH, ports: { kind: 'free' } } as const;

test('every process knows its node id, ports, folder and meta; extra flags replace ours of the same name', async () => {
  const specs = await planCluster({
    ...BASE,
    counts: { ...ONE_OF_EACH, 'mqtt-gateway': 2 },
    extraFlags: { 'mqtt-gateway': ['--auth.anonymous=true', '--meta.addresses=elsewhere:1'] },
    nodeExtraFlags: { 'mqtt-2': ['--grpc.advertised=elsewhere:2'] },
    nodeFlags: { 'journal-server': ['--cpu-prof'] },
  });
  expect(specs.map((each) => each.nodeId)).toEqual([
    'meta-1',
    'journal-1',
    'mqtt-1',
    'mqtt-2',
    'kafka-1',
    'admin-1',
  ]);
  const meta = specs[0]?.addresses['grpc'] ?? '';
  const journal = specs[1]?.argv ?? [];
  const flags = nodeFlagsOf('journal-server');
  expect(journal.slice(1, flags.length + 2)).toEqual([...flags, '--cpu-prof']);
  expect(journal).toEqual(
    expect.arrayContaining(['--node.id=journal-1', '--data.dir=/data/journal-1', `--meta.addresses=${meta}`]),
  );
  expect(specs[3]?.argv.filter((flag) => flag.startsWith('--meta.addresses'))).toEqual([
    '--meta.addresses=elsewhere:1',
  ]);
  const advertising = specs.filter(({ argv }) => argv.includes('--grpc.advertised=elsewhere:2'));
  expect(advertising.map(({ nodeId }) => nodeId)).toEqual(['mqtt-2']);
  const ports = specs.flatMap((each) => Object.values(each.addresses));
  expect(new Set(ports).size).toBe(ports.length);
});

test.each([
  ['meta-service', { 'meta-service': 2 }, 'exactly one until the cluster release'],
  ['journal-server', { 'journal-server': 0 }, 'exactly one until the cluster release'],
  ['kafka-gateway', { 'kafka-gateway': 1.5 }, 'whole number'],
] as const)('a wrong number of %s is refused', async (_service, wrong, message) => {
  await expect(planCluster({ ...BASE, counts: { ...ONE_OF_EACH, ...wrong } })).rejects.toThrow(message);
});

test('a base port gives each service its block; beyond 65535 it is refused', async () => {
  await expect(planCluster({ ...BASE, ports: { kind: 'base', basePort: 65_530 } })).rejects.toThrow(
    'out of range',
  );
});

test.each([
  ['mqtt-gateway', 'mqtt', 'mqtt-port'],
  ['mqtt-gateway', 'ws', 'ws-port'],
  ['mqtt-gateway', 'grpc', 'mqtt-grpc-port'],
  ['admin-api', 'http', 'http-port'],
  ['kafka-gateway', 'ops', 'kafka-ops-port'],
] as const)('the option for %s %s is --%s', (service, endpoint, option) => {
  expect(portOption(service, endpoint)).toBe(option);
});

test('gateways get no data folder', () => {
  expect(commandLine('kafka-gateway', 'kafka-1', '/d', { kafka: 1, ops: 2 }, ['m:1'], [])).toEqual([
    '--node.id=kafka-1',
    '--kafka.port=1',
    '--ops.port=2',
    '--meta.addresses=m:1',
  ]);
});

test('a host for clients is for their ports only: calls between services and probes stay on loopback', async () => {
  const specs = await planCluster({ ...BASE, clientHost: '0.0.0.0' });
  const hosts = specs.flatMap(({ argv }) => argv.filter((flag) => /^--[a-z]+\.host=/.test(flag)));
  expect(hosts).toEqual([
    '--mqtt.host=0.0.0.0',
    '--ws.host=0.0.0.0',
    '--kafka.host=0.0.0.0',
    '--http.host=0.0.0.0',
  ]);
  // What is dialled from here: nobody can dial "every address".
  expect(specs.flatMap(({ addresses }) => Object.values(addresses))).toEqual(
    expect.arrayContaining([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]),
  );
  const other = await planCluster({ ...BASE, clientHost: '127.0.0.2' });
  expect(other.find(({ service }) => service === 'mqtt-gateway')?.addresses).toEqual({
    mqtt: expect.stringMatching(/^127\.0\.0\.2:/),
    ws: expect.stringMatching(/^127\.0\.0\.2:/),
    grpc: expect.stringMatching(/^127\.0\.0\.1:/),
    ops: expect.stringMatching(/^127\.0\.0\.1:/),
  });
});

test('a host that is none of this machine is refused by its name, not as a taken port', async () => {
  await expect(planCluster({ ...BASE, clientHost: '192.0.2.1' })).rejects.toThrow(
    '192.0.2.1 is no address that this machine can listen on',
  );
});
