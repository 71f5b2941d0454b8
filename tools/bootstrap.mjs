// The way in for a fresh clone: needs only Node 20 and npm. Installs what the lockfile names when it changed, then
// hands over to the real command under the project's own Node. Plain JavaScript, so that the host's Node can run it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { watchNpm } from './npm-watch.mjs';

const PNPM = 'pnpm@10.34.9';
const LEAST_NODE_MAJOR = 20;
/** What each command runs, one after the other while they succeed: a script for the project's Node, or a tool of its own. */
const COMMANDS = {
  start: [['node', 'tools/start/main.ts']],
  cluster: [['node', 'tools/cluster/main.ts']],
  test: [['node', 'tools/test/main.ts']],
  'test:nightly': [['node', 'tools/nightly/main.ts']],
  release: [['node', 'tools/release/main.ts']],
  bench: [['node', 'e2e/bench/main.ts']],
  lint: [
    ['eslint', '--max-warnings=0', '.'],
    ['depcruise', '--config', '.dependency-cruiser.cjs', 'apps', 'libs', 'e2e', 'tools'],
    ['knip', '--no-progress', '--treat-config-hints-as-errors'],
  ],
  format: [['prettier', '--write', '.']],
  typecheck: [['tsc', '-p', 'tsconfig.json']],
  generate: [['node', 'tools/generate.mjs']],
  'docs:generate': [['node', 'tools/docs/main.ts']],
};

/** Those that drain what they run when their channel to this process ends: a second signal would make them kill it. */
const DRAINING = ['start', 'cluster'];

const root = fileURLToPath(new URL('..', import.meta.url));
const ownNode = path.join(root, 'node_modules', 'node', 'bin', 'node');
const stampFile = path.join(root, 'node_modules', '.robustmq-install');

/** Fails with one line, without a stack: these are mistakes of the setting, not of the program. */
function refuse(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** What an install depends on: the lockfile and the platform that its prebuilt addons are for. */
function installStamp() {
  const lockfile = readFileSync(path.join(root, 'pnpm-lock.yaml'));
  return `${createHash('sha256').update(lockfile).digest('hex')} ${process.platform} ${process.arch}\n`;
}

/** Runs a child in the foreground; resolves with its exit code, or 128 + n when signal n ended it. It ends with npm. */
function runForeground(program, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [
        'inherit',
        'inherit',
        'inherit',
        ...(env !== undefined && DRAINING.includes(command) ? ['ipc'] : []),
      ],
      cwd: env === undefined ? root : process.cwd(),
      env: env ?? process.env,
    });
    // A terminal sends Ctrl-C to the whole group: the child decides how to end, and this process waits for it.
    const ignore = () => undefined;
    const forward = () => child.kill('SIGTERM');
    const stopWatch = watchNpm(command, () => (child.connected ? child.disconnect() : forward()));
    process.on('SIGINT', ignore);
    process.on('SIGTERM', forward);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', forward);
      stopWatch();
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}

async function installIfNeeded() {
  const stamp = installStamp();
  if (existsSync(ownNode) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  process.stdout.write('Installing what pnpm-lock.yaml names (once, and again after it changes) ...\n');
  const started = Date.now();
  const code = await runForeground('npx', [
    '-y',
    PNPM,
    'install',
    '--frozen-lockfile',
    '--reporter=append-only',
  ]);
  if (code !== 0) refuse(`The install failed (exit code ${code}). Its own output above says why.`);
  if (!existsSync(ownNode))
    refuse(
      `The install left no ${path.relative(root, ownNode)}: this platform has no prebuilt Node package.`,
    );
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
  process.stdout.write(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.\n`);
}

const [command, ...args] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, command ?? ''))
  refuse(`usage: node tools/bootstrap.mjs <${Object.keys(COMMANDS).join('|')}> [options]`);
if (Number(process.versions.node.split('.')[0]) < LEAST_NODE_MAJOR) {
  refuse(`Node ${LEAST_NODE_MAJOR} or newer is needed to begin; this is ${process.version}.`);
}
await installIfNeeded();
const env = {
  ...process.env,
  // The project's Node and tools come first, whatever the host has; no daemon outlives a command.
  PATH: [path.dirname(ownNode), path.join(root, 'node_modules', '.bin'), process.env.PATH].join(
    path.delimiter,
  ),
  NX_DAEMON: 'false',
  NX_NO_CLOUD: 'true',
};
const nodeFlags = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'];
const steps = COMMANDS[command];
for (const [index, [program, ...words]] of steps.entries()) {
  const own = program === 'node' ? [...nodeFlags, path.join(root, words[0]), ...words.slice(1)] : words;
  // Options of the caller are for the last step: `npm run lint -- --fix` would mean nothing to the others.
  const given = index === steps.length - 1 ? args : [];
  process.exitCode = await runForeground(
    program === 'node' ? ownNode : path.join(root, 'node_modules', '.bin', program),
    [...own, ...given],
    env,
  );
  if (process.exitCode !== 0) break;
}
