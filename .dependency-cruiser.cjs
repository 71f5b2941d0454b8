// Who may import whom (docs/en/contributing.md, "Where things are").
const FOUNDATION = ['errors', 'bytes', 'runtime', 'config', 'telemetry'];
const CORES = [
  'mqtt-codec',
  'mqtt-session',
  'mqtt-topics',
  'kafka-codec',
  'kafka-group',
  'producer-state',
  'record-batch',
  'replication',
];
const STORAGE = ['commit-log', 'segment-log', 'kv-store', 'access-control', 'batch-compression'];
const CLIENTS = ['rpc', 'meta-client', 'journal-client'];

const any = (names) => `(${names.join('|')})`;
const source = (names) => `^libs/${any(names)}/src/`;

module.exports = {
  forbidden: [
    {
      name: 'apps-are-islands',
      comment: 'Apps talk through the contracts in proto/ only.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/([^/]+)/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-know-no-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|e2e|tools)/' },
    },
    {
      name: 'foundation-stands-alone',
      severity: 'error',
      from: { path: source(FOUNDATION) },
      to: { path: '^libs/', pathNot: `^libs/${any(FOUNDATION)}/` },
    },
    {
      name: 'cores-use-errors-bytes-and-cores',
      severity: 'error',
      from: { path: source(CORES) },
      to: { path: '^libs/', pathNot: `^libs/${any(['errors', 'bytes', ...CORES])}/` },
    },
    {
      name: 'cores-are-pure',
      comment: 'No I/O, clock or threads: effects go to an injected sink. Buffer is the one exception.',
      severity: 'error',
      from: { path: source(CORES) },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?buffer$' },
    },
    {
      name: 'storage-below-clients',
      severity: 'error',
      from: { path: source(STORAGE) },
      to: { path: `^libs/${any([...CLIENTS, 'testkit'])}/` },
    },
    {
      name: 'clients-know-no-storage',
      severity: 'error',
      from: { path: source(CLIENTS) },
      to: { path: `^libs/${any(['commit-log', 'segment-log', 'kv-store', 'testkit'])}/` },
    },
    {
      name: 'testkit-is-for-tests',
      severity: 'error',
      from: { path: '^(libs/(?!testkit/)[^/]+|apps/[^/]+)/src/' },
      to: { path: '^libs/testkit/' },
    },
    {
      name: 'packages-have-one-door',
      comment: 'What another package needs is exported from its index.',
      severity: 'error',
      from: { path: '^(?:libs|apps|e2e|tools)/([^/]+)/' },
      to: {
        path: '^libs/([^/]+)/src/(?!index\\.ts$|testing\\.ts$|cluster/index\\.ts$)',
        pathNot: '^libs/$1/',
      },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'The second door of a package: what only tests of other packages need of it.',
      severity: 'error',
      from: { path: '^((libs/(?!testkit/)|apps/)[^/]+/src/|tools/(?!.*\\.test\\.ts$))' },
      to: { path: '^libs/[^/]+/src/testing\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment: 'Imports of types count: what two files share belongs to a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', 'dist'] },
    exclude: { path: ['/node_modules/', '/dist/', '/coverage/', '/generated/'] },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.cjs', '.js'],
    },
  },
};
