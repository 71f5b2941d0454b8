// `npm test` as it is called: a run that tests nothing is none.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import path from 'node:path';

const run = (...options: string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, ['--no-warnings', path.join(__dirname, 'main.ts'), ...options], {
    encoding: 'utf8',
  });

test('words that no step has in its name are refused', () => {
  const { status, stdout, stderr } = run('--only', 'no-such-step');
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toBe('error: no step has one of these in its name: no-such-step; --list names the steps\n');
});

test('the steps that words choose are listed', () => {
  const { status, stdout } = run('--only', 'kcat,mosquitto_pub', '--list');
  expect([status, stdout]).toEqual([0, 'e2e: mosquitto_pub, mosquitto_sub\ne2e: kcat\n']);
});
