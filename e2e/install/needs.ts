// What suites need from the machine, and how it is got: apt, Maven, pip. Everything of ours lands in .tools-cache.
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { repositoryRoot } from '@robustmq/testkit/cluster';

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 5 * 60_000;
const PROBE_TIMEOUT_MS = 20_000;

/** Something that a suite can't run without. */
export type Need =
  | 'mosquitto'
  | 'mosquitto-clients'
  | 'kcat'
  | 'python-clients'
  | 'maven'
  | 'kafka-jars'
  | 'loop-devices'
  | 'linux';

const PYTHON_PACKAGES = ['paho-mqtt==2.2.0', 'confluent-kafka==2.16.1'];
const KAFKA_VERSION = '4.3.1';
// Written last: a download that was cut off is done again.
const COMPLETE = '.complete';

/** The folder for what suites download; not in git, kept between runs. */
export function toolsCache(): string {
  return path.join(repositoryRoot(), '.tools-cache');
}

/** The class path of Apache Kafka's clients, tools and broker. */
export function kafkaClassPath(): string {
  return path.join(toolsCache(), `kafka-${KAFKA_VERSION}`, '*');
}

/** The Python that has paho-mqtt and confluent-kafka. */
export function python(): string {
  return path.join(toolsCache(), 'python', 'bin', 'python3');
}

/** Meets a need, installing what can be installed. Resolves with what is missing, in words, or undefined. */
export async function meetNeed(need: Need, progress: (line: string) => void): Promise<string | undefined> {
  switch (need) {
    case 'mosquitto':
      return aptBinary('mosquitto', 'mosquitto', progress);
    case 'mosquitto-clients':
      return aptBinary('mosquitto_pub', 'mosquitto-clients', progress);
    case 'kcat':
      return aptBinary('kcat', 'kcat', progress);
    case 'python-clients':
      return pythonClients(progress);
    case 'maven':
      return maven(progress);
    case 'kafka-jars':
      return kafkaJars(progress);
    case 'loop-devices':
      return loopDevices(progress);
    case 'linux':
      return process.platform === 'linux' ? undefined : `this is ${process.platform}, not Linux`;
  }
}

/** Whether a program is on the PATH (or where Debian keeps daemons). */
function hasProgram(name: string): boolean {
  return [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error) return false;
      throw error;
    }
  });
}

const isRoot = (): boolean => process.getuid?.() === 0;

async function attempt(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return output.trim().split('\n').slice(-3).join(' ');
  }
}

let aptUpdated = false;

async function aptBinary(
  program: string,
  packageName: string,
  progress: (line: string) => void,
): Promise<string | undefined> {
  if (hasProgram(program)) return undefined;
  const failed = await aptPackage(packageName, progress);
  return hasProgram(program) ? undefined : (failed ?? `${packageName} brought no ${program}`);
}

/** Installs a Debian package; resolves with what went wrong, in words, or undefined. */
async function aptPackage(
  packageName: string,
  progress: (line: string) => void,
): Promise<string | undefined> {
  if (!isRoot() || !hasProgram('apt-get'))
    return `${packageName} is missing, and only root can install it with apt-get`;
  progress(`installing ${packageName} with apt-get ...`);
  const options = { timeout: INSTALL_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const failed = await attempt(async () => {
    if (!aptUpdated) await run('apt-get', ['update', '-q'], options);
    aptUpdated = true;
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', packageName], options);
  });
  return failed === undefined ? undefined : `apt-get could not install ${packageName}: ${failed}`;
}

async function pythonClients(progress: (line: string) => void): Promise<string | undefined> {
  const folder = path.join(toolsCache(), 'python');
  const imports = ['-c', 'import paho.mqtt.client, confluent_kafka'];
  if (
    existsSync(python()) &&
    (await attempt(() => run(python(), imports, { timeout: PROBE_TIMEOUT_MS }))) === undefined
  )
    return undefined;
  const missing = await pythonItself(progress);
  if (missing !== undefined) return missing;
  progress(`installing ${PYTHON_PACKAGES.join(', ')} with pip ...`);
  mkdirSync(toolsCache(), { recursive: true });
  const options = { timeout: INSTALL_TIMEOUT_MS };
  const failed = await attempt(async () => {
    await run('python3', ['-m', 'venv', folder], options);
    await run(
      python(),
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PYTHON_PACKAGES],
      options,
    );
  });
  return failed === undefined ? undefined : `Python clients could not be installed: ${failed}`;
}

/** Python with its venv module, which Debian keeps in a package of its own. */
async function pythonItself(progress: (line: string) => void): Promise<string | undefined> {
  const missing = await aptBinary('python3', 'python3', progress);
  if (missing !== undefined) return missing;
  const venv = ['-c', 'import venv, ensurepip'];
  if ((await attempt(() => run('python3', venv, { timeout: PROBE_TIMEOUT_MS }))) === undefined)
    return undefined;
  return aptPackage('python3-venv', progress);
}

/** Maven and the Java that it runs on. */
async function maven(progress: (line: string) => void): Promise<string | undefined> {
  const missing = await aptBinary('javac', 'default-jdk-headless', progress);
  return missing ?? aptBinary('mvn', 'maven', progress);
}

async function kafkaJars(progress: (line: string) => void): Promise<string | undefined> {
  const missing = await maven(progress);
  if (missing !== undefined) return missing;
  const folder = path.join(toolsCache(), `kafka-${KAFKA_VERSION}`);
  if (existsSync(path.join(folder, COMPLETE))) return undefined;
  progress(`fetching Apache Kafka ${KAFKA_VERSION} with Maven ...`);
  const pom = path.join(repositoryRoot(), 'e2e', 'install', 'kafka', 'pom.xml');
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
  const failed = await attempt(() =>
    run('mvn', ['-q', '-B', '-f', pom, ...goal], { timeout: INSTALL_TIMEOUT_MS }),
  );
  if (failed !== undefined) return `Maven could not fetch Apache Kafka: ${failed}`;
  writeFileSync(path.join(folder, COMPLETE), `${readdirSync(folder).length} jars\n`);
  return undefined;
}

async function loopDevices(progress: (line: string) => void): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'loop devices exist on Linux only';
  if (!isRoot()) return 'mounting a loop device needs root';
  if (!existsSync('/dev/loop-control')) return 'there is no /dev/loop-control';
  return (
    (await aptBinary('mkfs.ext4', 'e2fsprogs', progress)) ?? (await aptBinary('losetup', 'mount', progress))
  );
}
