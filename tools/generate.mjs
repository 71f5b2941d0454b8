// Generates the contracts' TypeScript from proto/. With --check: changes nothing, and fails when the committed code
// differs from what proto/ says (drift) or when a contract is not laid out as `buf format` does.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const GENERATED = 'libs/rpc/src/generated';
const env = {
  ...process.env,
  PATH: `${path.join(root, 'node_modules', '.bin')}${path.delimiter}${process.env.PATH}`,
};

function run(command, args) {
  try {
    execFileSync(command, args, { cwd: root, stdio: 'inherit', env });
  } catch (error) {
    process.exit(error.status ?? 1);
  }
}

/** Relative path to content of every file below a folder. */
function filesOf(folder) {
  const files = new Map();
  for (const entry of existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
    : []) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.relative(folder, file), readFileSync(file, 'utf8'));
  }
  return files;
}

run('buf', ['lint']);
run('buf', ['format', '--diff', '--exit-code']);
if (process.argv.includes('--check')) {
  const scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-generate-'));
  run('buf', ['generate', '--output', scratch]);
  const fresh = filesOf(path.join(scratch, GENERATED));
  const committed = filesOf(path.join(root, GENERATED));
  rmSync(scratch, { recursive: true });
  const drift = [...new Set([...fresh.keys(), ...committed.keys()])].filter(
    (name) => fresh.get(name) !== committed.get(name),
  );
  if (drift.length > 0) {
    console.error(
      `${GENERATED} differs from proto/: run \`npm run generate\` and commit\n${drift.join('\n')}`,
    );
    process.exit(1);
  }
} else {
  run('buf', ['generate']);
}
