// Generates the contracts' TypeScript from proto/. With --check: fails when the committed code differs (drift).
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: 'inherit' });

run('buf', ['lint']);
run('buf', ['format', '--diff', '--exit-code']);
run('buf', ['generate']);
if (process.argv.includes('--check')) {
  const drift = execFileSync('git', ['status', '--porcelain', '--', 'libs/rpc/src/generated'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (drift !== '') {
    console.error(`generated contracts differ from proto/: run \`pnpm generate\` and commit\n${drift}`);
    process.exit(1);
  }
}
