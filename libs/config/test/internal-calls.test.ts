import { clusterSettings, defineConfig, section, setting, z } from '../src/index.ts';

const config = defineConfig(
  'sample',
  z.strictObject({
    grpc: section({ host: setting.internalHost().describe('Address.') }),
    meta: section({ addresses: setting.metaAddresses() }),
    ...clusterSettings(),
  }),
);
const load = (...argv: string[]) => config.load({ argv, environment: {} }).values;

test.each(['127.0.0.1', '127.8.9.10', 'localhost', '::1', '[::1]'])(
  'N15: internal calls may be served on %s',
  (host) => {
    expect(load(`--grpc.host=${host}`).grpc.host).toBe(host);
  },
);

test.each([
  '0.0.0.0',
  '::',
  '',
  '10.0.0.1',
  '127.0.0.1.evil.org',
  'localhost.evil.org',
  '1127.0.0.1',
  'meta-1',
])('N15: and not on %j, by the name of the setting', (host) => {
  expect(() => load(`--grpc.host=${host}`)).toThrow(/grpc\.host[^]*loopback only/);
});

test('the secret is a file, never a value', () => {
  expect(load().cluster).toEqual({ secretFile: 'data/cluster.secret' });
  expect(() => load('--cluster.secretFile=')).toThrow('cluster.secretFile');
  expect(() => load('--cluster.secret=x')).toThrow();
});

test.each([
  ['one', '127.0.0.1:1228'],
  ['one in IPv6', '[::1]:1228'],
  ['several', 'meta-1:1228,meta-2:1229'],
])('meta-service may be at %s', (_what, addresses) => {
  expect(load(`--meta.addresses=${addresses}`).meta.addresses).toEqual(addresses.split(','));
});

test.each(['', 'meta-1', 'meta-1:', ':1228', 'meta-1:x', 'meta-1:1228,meta-2'])(
  'and not at %j, which nobody could ever reach',
  (addresses) => {
    expect(() => load(`--meta.addresses=${addresses}`)).toThrow('meta.addresses');
  },
);
