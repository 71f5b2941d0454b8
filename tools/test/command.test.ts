// The commands of a check end with whoever runs them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { runCommand } from './command.ts';

const MODULE = pathToFileURL(path.join(__dirname, 'command.ts')).href;
/** Runs a command that names its pid and goes on for ever, and then another one. */
const TWO_COMMANDS = `
  const { runCommand } = await import('${MODULE}');
  const options = { cwd: '.', timeoutMs: 600_000, onLine: (line) => process.stdout.write(line + '\\n') };
  await runCommand('sh', ['-c', 'echo $$; exec sleep 600'], options);
  await runCommand('echo', ['the next one'], options);
`;

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends the command and the whole run',
  async (signal) => {
    const run = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', TWO_COMMANDS], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(run, 'close');
    let output = '';
    run.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    while (!output.includes('\n')) await once(run.stdout, 'data');
    run.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect(output).toMatch(/^\d+\n$/);
    expect(() => process.kill(Number(output), 0)).toThrow('ESRCH');
  },
);

test('a command that ended leaves no handler of signals behind', async () => {
  const before = process.listenerCount('SIGINT');
  const options = { cwd: '.', timeoutMs: 60_000 };
  expect(await runCommand('echo', ['done'], options)).toEqual({ ok: true, output: 'done\n' });
  expect((await runCommand('no-such-program', [], options)).ok).toBe(false);
  expect(process.listenerCount('SIGINT')).toBe(before);
});
