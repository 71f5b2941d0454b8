// Each check finds the mistake that is planted for it, at its line, and lets a right page pass.
import { checkGlossary } from './checks/glossary.ts';
import { checkLanguages } from './checks/languages.ts';
import { checkLinks } from './checks/links.ts';
import { checkMentions } from './checks/mentions.ts';
import type { Facts } from './facts.ts';
import { anchorOf, readPage, type Page } from './markdown.ts';
import type { Problem } from './problem.ts';

const facts: Facts = {
  scripts: new Set(['start', 'test', 'cluster', 'lint']),
  options: new Map([
    ['cluster', new Set(['mqtt', 'data'])],
    ['start', new Set(['mqtt-port'])],
  ]),
  settings: new Set(['ops', 'ops.port', 'mqtt', 'mqtt.port', 'traces.endpoint']),
  topicConfigs: new Set(['mqtt.filter', 'retention.ms']),
  environment: new Set(['ROBUSTMQ_META_SERVICE_OPS_PORT', 'SIMULATION_SEEDS']),
  ports: new Set([1883, 9092, 58080]),
  metrics: new Set(['robustmq_mqtt_connections', 'robustmq_admin_request_seconds']),
  httpPaths: new Set(['/api/v1/streams/{name}', '/api/v1/cluster', '/livez', '/log-filter']),
  exists: (path) =>
    ['README.md', 'docs/en/a.md', 'docs/zh/a.md', 'docs/en/formats', 'libs/config', 'tools/x.mjs'].includes(
      path,
    ),
  occurs: (word) => ['active_from', 'validateBatch'].includes(word),
};

const page = (text: string, path = 'docs/en/a.md'): Page => readPage(path, text);
const messages = (problems: readonly Problem[]): string[] =>
  problems.map(({ path, line, message }) => `${path}:${line}: ${message}`);

describe('a page is read', () => {
  const read = page(
    [
      '# A `b`',
      '',
      'See [x](y.md#z) and `[no](link)`, ``a ` b``.',
      '```bash',
      '# no heading',
      'npm test',
      '```',
    ].join('\n'),
  );

  test('into headings, links, code and blocks', () => {
    expect(read.headings).toEqual([{ level: 1, text: 'A `b`', line: 1 }]);
    expect(read.links).toEqual([{ text: 'y.md#z', line: 3 }]);
    expect(read.code.map(({ text }) => text)).toEqual(['b', '[no](link)', 'a ` b']);
    expect(read.fences).toEqual([{ language: 'bash', lines: ['# no heading', 'npm test'], line: 5 }]);
  });

  test.each([
    ['The `mqtt` header, version 1', 'the-mqtt-header-version-1'],
    ['I/O: what, when?', 'io-what-when'],
    ['检查点', '检查点'],
    ['向上：`MeshRequest`', '向上meshrequest'],
    ['See [this](that.md)', 'see-this'],
  ])('and the anchor of %s is #%s', (heading, anchor) => expect(anchorOf(heading)).toBe(anchor));
});

describe('languages', () => {
  const english = '# A\n\n`retention.ms` in <https://x>\n\n## B\n\n```\nnpm test\n```\n';
  const chinese = '# 甲\n\n`retention.ms`\n\n## 乙\n\n```\nnpm test\n```\n';
  const check = (en: string | undefined, zh: string | undefined): string[] =>
    messages(
      checkLanguages([
        ...(en === undefined ? [] : [page(en)]),
        ...(zh === undefined ? [] : [page(zh, 'docs/zh/a.md')]),
      ]),
    );

  test('a faithful translation passes', () => expect(check(english, chinese)).toEqual([]));

  test.each<[string, string | undefined, string | undefined, string]>([
    ['no Chinese page', english, undefined, 'docs/en/a.md:1: has no counterpart docs/zh/a.md'],
    ['no English page', undefined, chinese, 'docs/zh/a.md:1: has no counterpart docs/en/a.md'],
    [
      'a heading of another level',
      english,
      chinese.replace('## 乙', '### 乙'),
      "expected '## B', found '### 乙'",
    ],
    ['a heading too many', english, `${chinese}## 丙\n`, "expected the end, found '## 丙'"],
    ['a heading that is missing', english, chinese.replace('## 乙', '乙'), "expected '## B', found the end"],
    [
      'a name left out',
      english,
      chinese.replace('`retention.ms`', '保留'),
      'docs/en/a.md:3: `retention.ms` is not in',
    ],
    [
      'a name made up',
      english,
      `${chinese}\n\`retention.seconds\`\n`,
      '`retention.seconds` is not in docs/en/a.md',
    ],
    [
      'another command',
      english,
      chinese.replace('npm test', 'npm start'),
      'block of code differs from docs/en/a.md:8',
    ],
    [
      'a block left out',
      english,
      '# 甲\n\n`retention.ms`\n\n## 乙\n',
      'has 0 blocks of code, docs/en/a.md has 1',
    ],
  ])('%s is found', (_name, en, zh, expected) => {
    expect(check(en, zh).join('\n')).toContain(expected);
  });

  test('diagrams and placeholders are translated', () => {
    const en = '`<stream id>-<shard>`\n```mermaid\nA[clients]\n```\n';
    expect(check(en, '`<流>-<分片>`\n```mermaid\nA[客户端]\n```\n')).toEqual([]);
  });

  test('what the benchmark writes stands alone', () => {
    expect(checkLanguages([page('# Results', 'docs/en/benchmarks/latest.md')])).toEqual([]);
  });
});

describe('links', () => {
  const check = (text: string, path = 'docs/en/a.md'): string[] =>
    messages(checkLinks([page(text, path), page('# 甲\n', 'docs/zh/a.md')], (file) => facts.exists(file)));

  test('to files, folders, headings and other hosts pass', () => {
    const text =
      '# Here it is\n\n[a](a.md) [b](formats/) [c](#here-it-is) [d](../../README.md) [e](https://x.example/y) [f](benchmarks)\n';
    // A folder is asked for without its slash or with it, as the file system takes it.
    expect(check(text.replace('formats/', 'formats'))).toEqual([]);
  });

  test.each([
    ['a file that is gone', '[x](gone.md)', 'docs/en/a.md:1: link to gone.md: there is no docs/en/gone.md'],
    ['a heading that is gone', '\n[x](a.md#gone)', 'docs/en/a.md:2: link to a.md#gone: no such heading'],
    [
      'the other language',
      '[x](../zh/a.md)',
      'docs/en/a.md:1: link to ../zh/a.md leaves the language of the page',
    ],
  ])('to %s are found', (_name, text, expected) => expect(check(text)).toEqual([expected]));
});

describe('mentions', () => {
  const check = (text: string): string[] => checkMentions([page(text)], facts).map(({ message }) => message);
  const block = (...lines: string[]): string => ['```', ...lines, '```'].join('\n');

  test.each([
    ['a script', '`npm start`, `npx pnpm lint`, `npm run cluster -- --mqtt 2 --data /tmp/x`'],
    ['a setting, its section and a topic configuration', '`ops.port`, `mqtt.port=1883`, `mqtt.filter`'],
    ['a flag', '`--ops.port=1`, `--config FILE`'],
    ['a variable', '`ROBUSTMQ_META_SERVICE_OPS_PORT=1`, `SIMULATION_SEEDS=5`'],
    ['a port', '`127.0.0.1:1883`, `mosquitto_pub -p 1883`'],
    [
      'a metric and the series of a histogram',
      '`robustmq_mqtt_connections`, `robustmq_admin_request_seconds_bucket`',
    ],
    [
      'a path',
      '`GET /api/v1/streams/{name}`, `/api/v1`, `http://127.0.0.1:58080/api/v1/streams/orders`, `/livez`',
    ],
    ['a file', '`libs/config`, `libs/config/`, `meta.json`'],
    ['an identifier, and plain words', '`active_from`, `validateBatch`, `orders`, `RMCL`, `0x01`'],
    [
      'commands',
      block('npm run cluster -- \\', '  --mqtt 2', 'node tools/x.mjs', 'kcat -b 127.0.0.1:9092 -C'),
    ],
    ['names of others', '`group.instance.id`, `messaging.system`'],
    ['a block in a language', '```json\n{ "a": "127.0.0.1:5" }\n```'],
  ])('%s passes', (_name, text) => expect(check(text)).toEqual([]));

  test.each([
    ['a script that is gone', '`npm run deploy`', 'there is no script deploy'],
    ['a script of pnpm', '`npx pnpm deploy`', 'there is no script deploy'],
    ['a script without run', '`npm cluster`', 'npm cluster is no script: npm run cluster?'],
    ['an option that is gone', block('npm run cluster -- --raft 3'), 'npm cluster has no option --raft'],
    [
      'an option on a continued line',
      block('npm run cluster -- \\', '  --raft 3'),
      'npm cluster has no option --raft',
    ],
    ['options that npm would take', '`npm run cluster --mqtt 2`', 'options of npm cluster come behind --'],
    ['a flag', '`--ops.prot=1`', 'no app has the flag --ops.prot'],
    ['a setting', '`ops.prot`', 'no setting is named ops.prot'],
    [
      'a variable of an app',
      '`ROBUSTMQ_META_SERVICE_OPS_PROT`',
      'no app reads ROBUSTMQ_META_SERVICE_OPS_PROT',
    ],
    ['another variable', '`SIMULATION_SEED=5`', 'nothing reads SIMULATION_SEED'],
    ['a port', block('curl http://127.0.0.1:58081/livez'), 'nothing listens on port 58081'],
    ['a port option', block('mosquitto_pub -p 1884 -t x'), 'nothing listens on port 1884'],
    ['a metric', '`robustmq_mqtt_conections`', 'there is no metric robustmq_mqtt_conections'],
    ['a path of the API', '`/api/v1/topics`', 'nothing serves /api/v1/topics'],
    ['a path of the ops port', '`PUT /log-filters`', 'nothing serves /log-filters'],
    [
      'a path in a command',
      block('curl http://127.0.0.1:58080/api/v1/topics'),
      'nothing serves /api/v1/topics',
    ],
    ['a file', '`libs/conf`', 'there is no libs/conf'],
    ['a program', block('node tools/y.mjs'), 'there is no tools/y.mjs'],
    ['an identifier', '`activeFrom`', 'activeFrom occurs nowhere in the sources'],
  ])('%s is found', (_name, text, expected) => expect(check(text)).toEqual([expected]));
});

describe('glossary', () => {
  const check = (text: string, path = 'docs/zh/a.md'): string[] =>
    checkGlossary([{ ...readPage(path, text), lines: text.split('\n') }]).map(({ message }) => message);

  test.each([
    '消费者组读取 Kafka topic，设备发布 MQTT 主题。',
    '主题过滤器、主题索引、主题别名。',
    '数据受损的分片被**隔离**。',
    '`主题` 与 `shard` 是代码。',
    '- _s_ ≤ _K_：它曾经持久。',
  ])('%s passes', (text) => expect(check(text)).toEqual([]));

  test.each([
    ['网关的化身', '运行实例'],
    ['广告表一行', '公布的 API'],
    ['主题压缩（compaction）', '日志压实'],
    ['消费组再均衡', '消费者组'],
    ['新主题', 'MQTT 主题 or Kafka topic'],
    ['相关 shard 被隔离', '分片'],
    ['有一个_运维端口_（见）', 'emphasis'],
    ['进入 _catching-up_：网关', 'emphasis'],
  ])('%s is found', (text, message) => expect(check(text).join()).toContain(message));

  test('English pages and blocks of code are left alone', () => {
    expect(check('消费组', 'docs/en/a.md')).toEqual([]);
    expect(check('```\n消费组\n```\n')).toEqual([]);
  });
});
