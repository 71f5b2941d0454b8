// The first password is shown once, by the start that made it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { FirstPassword } from './first-password.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'robustmq-password-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const fileOf = (): string => path.join(folder, 'initial-admin-password');

test('the start that made it shows it, and where it is kept', () => {
  const password = new FirstPassword(folder);
  writeFileSync(fileOf(), 'made-now\n');
  expect(password.line()).toBe(
    `first password made-now   (kept in ${fileOf()}; change it and delete the file)`,
  );
});

test('a later start names the file only: the password may have been changed', () => {
  writeFileSync(fileOf(), 'made-before\n');
  const line = new FirstPassword(folder).line();
  expect(line).toContain(fileOf());
  expect(line).not.toContain('made-before');
});

test('once the file is deleted, the password is the one that was set', () => {
  writeFileSync(fileOf(), 'made-before\n');
  const password = new FirstPassword(folder);
  rmSync(fileOf());
  expect(password.line()).toBe('the password is the one you have set');
});
