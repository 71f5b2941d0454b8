import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { repositoryRoot } from '@robustmq/testkit/cluster';

import { packagesOfOtherVersion } from './package-versions.ts';

describe('versions of packages', () => {
  let root: string;

  const write = (folder: string, content: object): void => {
    mkdirSync(path.join(root, folder), { recursive: true });
    writeFileSync(path.join(root, folder, 'package.json'), JSON.stringify(content));
  };

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'robustmq-versions-'));
    write('.', { version: '1.2.0' });
    write('apps/admin-api', { version: '1.2.0' });
    write('libs/bytes', { version: '1.2.0' });
    write('e2e', { version: '1.2.0' });
    write('tools', { version: '1.2.0' });
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('none differs', () => {
    expect(packagesOfOtherVersion(root, '1.2.0')).toEqual([]);
  });

  test('an older one and one without a version are named; what is installed does not count', () => {
    write('apps/admin-api', { version: '1.1.9' });
    write('tools', {});
    write('libs/bytes/node_modules/other', { version: '7.0.0' });
    expect(packagesOfOtherVersion(root, '1.2.0')).toEqual([
      'apps/admin-api/package.json',
      'tools/package.json',
    ]);
  });

  test('a release that no package carries yet names all', () => {
    expect(packagesOfOtherVersion(root, '1.3.0')).toHaveLength(5);
  });

  test('all packages of the project carry one version (N17)', () => {
    const [first] = packagesOfOtherVersion(repositoryRoot(), 'none');
    expect(first).toBe('apps/admin-api/package.json');
    const { version } = JSON.parse(readFileSync(path.join(repositoryRoot(), 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(packagesOfOtherVersion(repositoryRoot(), version)).toEqual([]);
  });
});
