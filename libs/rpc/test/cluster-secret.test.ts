import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClusterSecret, createSecretFile, isExposed, readSecretFile } from '../src/cluster-secret.ts';
import { openCredentials } from '../src/open-credentials.ts';
import { ServiceKind } from '../src/generated/robustmq/common/v1/common_pb.ts';

const OLD = 'o'.repeat(40);
const NEW = 'n'.repeat(40);

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'secret-'));
  file = path.join(folder, 'sub', 'cluster.secret');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a secret file', () => {
  it('is made once, for its owner only, and leaves nothing beside it', () => {
    createSecretFile(file);
    const text = readFileSync(file, 'utf8');
    expect(text.trim().length).toBeGreaterThanOrEqual(43);
    expect([statSync(file).mode & 0o777, isExposed(file)]).toEqual([0o600, false]);
    createSecretFile(file);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readdirSync(path.dirname(file))).toEqual(['cluster.secret']);
  });

  it('differs from every other one', () => {
    const other = path.join(folder, 'other');
    createSecretFile(file);
    createSecretFile(other);
    expect(readFileSync(file, 'utf8')).not.toBe(readFileSync(other, 'utf8'));
  });

  it('is told apart when others may read it', () => {
    createSecretFile(file);
    chmodSync(file, 0o640);
    expect(isExposed(file)).toBe(true);
  });

  it('holds two secrets while one is replaced: the first is sent, both are accepted', () => {
    file = path.join(folder, 's');
    writeFileSync(file, `${NEW}\n\n  ${OLD}\n`);
    const secret = readSecretFile(file)!;
    expect([secret.current, secret.accepts(NEW), secret.accepts(OLD)]).toEqual([NEW, true, true]);
    expect([secret.accepts(`${NEW}x`), secret.accepts(''), secret.accepts(`${NEW}\n${OLD}`)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it.each([
    ['nothing', ''],
    ['a short one', 'short'],
    ['three', `${OLD}\n${NEW}\n${OLD}`],
    ['a short one beside a sound one', `${OLD}\nshort`],
    ['one without an end', 'x'.repeat(100_000)],
  ])('with %s is refused by its name, never by its content', (_what, text) => {
    file = path.join(folder, 's');
    writeFileSync(file, text);
    const reading = (): unknown => readSecretFile(file);
    expect(reading).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(reading).toThrow(file);
    expect(reading).not.toThrow(/short\b(?!er)|ooooo|xxxxx/);
  });

  it('that can not be made where it should be is refused by name', () => {
    writeFileSync(path.join(folder, 'sub'), 'no folder');
    expect(() => createSecretFile(file)).toThrow(
      expect.objectContaining({
        code: 'permission_denied',
        message: expect.stringContaining(`${file} cannot be made`) as string,
      }),
    );
  });

  it('that is a folder is refused', () => {
    expect(() => readSecretFile(folder)).toThrow(expect.objectContaining({ code: 'permission_denied' }));
    expect(readSecretFile(file)).toBeUndefined();
  });
});

describe('credentials from a file', () => {
  /** Timers that run when the test says so. */
  class HandTimers {
    readonly actions: (() => void)[] = [];
    after = (_delayMs: number, action: () => void) => this.#add(action);
    every = (_periodMs: number, action: () => void) => this.#add(action);
    soon = (action: () => void) => this.#add(action);
    run(): void {
      for (const action of [...this.actions]) action();
    }
    #add(action: () => void): () => void {
      this.actions.push(action);
      return () => void this.actions.splice(this.actions.indexOf(action), 1);
    }
  }

  let timers: HandTimers;
  let lines: string[];
  const open = (create: boolean) =>
    openCredentials({
      kind: ServiceKind.JOURNAL,
      file,
      create,
      timers,
      log: { info: (_fields, text) => lines.push(text), warn: (_fields, text) => lines.push(text) },
    });
  beforeEach(() => {
    timers = new HandTimers();
    lines = [];
    file = path.join(folder, 'cluster.secret');
  });

  it('are made where a cluster begins, and awaited elsewhere', async () => {
    const waiting = open(false);
    expect(lines).toEqual([expect.stringContaining('waiting for the cluster secret')]);
    const made = await open(true);
    timers.run();
    const { credentials } = await waiting;
    expect(credentials.metadata().getMap()).toEqual(made.credentials.metadata().getMap());
    expect(lines.join()).not.toContain(readFileSync(file, 'utf8').trim());
  });

  it('follow the file without a restart; what cannot be read keeps the secret before', async () => {
    writeFileSync(file, OLD, { mode: 0o600 });
    const { credentials, close } = await open(false);
    const sent = () => credentials.metadata().get('robustmq-secret')[0];
    writeFileSync(file, `${NEW}\n${OLD}`);
    timers.run();
    expect(sent()).toBe(NEW);
    writeFileSync(file, 'short');
    timers.run();
    rmSync(file);
    timers.run();
    expect([sent(), lines.length]).toEqual([NEW, 2]);
    close();
    expect([timers.actions.length, existsSync(file)]).toEqual([0, false]);
  });

  it('warn when others of the host may read it', async () => {
    writeFileSync(file, OLD);
    chmodSync(file, 0o644);
    await open(false);
    expect(lines).toEqual([expect.stringContaining('chmod 600')]);
  });
});

it('a secret compares whole values', () => {
  const secret = new ClusterSecret([OLD]);
  expect([secret.accepts(OLD), secret.accepts(OLD.slice(1)), secret.accepts(`${OLD} `)]).toEqual([
    true,
    false,
    false,
  ]);
});
