// Gets the official descriptors: they ship inside the kafka-clients jar, which Maven fetches into a folder outside git.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The Kafka release whose descriptors the generated code follows. */
export const KAFKA_VERSION = '4.3.1';

/** Where jars and unpacked descriptors are kept between runs. */
export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  return path.join(base, 'robustmq', `kafka-${KAFKA_VERSION}`);
}

/** Why the descriptors cannot be fetched here, or undefined where Java and Maven are present. */
export function missingTool(): string | undefined {
  for (const [command, argument] of [
    ['java', '-version'],
    ['mvn', '-version'],
  ] as const) {
    if (spawnSync(command, [argument], { stdio: 'ignore' }).status !== 0) return command;
  }
  return undefined;
}

/** Path of the kafka-clients jar, fetched once. */
export function kafkaClientsJar(): string {
  const directory = cacheDirectory();
  const jar = path.join(directory, `kafka-clients-${KAFKA_VERSION}.jar`);
  if (existsSync(jar)) return jar;
  mkdirSync(directory, { recursive: true });
  execFileSync(
    'mvn',
    [
      '-q',
      'dependency:copy',
      `-Dartifact=org.apache.kafka:kafka-clients:${KAFKA_VERSION}`,
      `-DoutputDirectory=${directory}`,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return jar;
}

/** Folder with the descriptor files, unpacked once with the `jar` tool or, on a bare runtime, `unzip`. */
export function descriptorDirectory(): string {
  const directory = path.join(cacheDirectory(), 'common', 'message');
  if (existsSync(path.join(directory, 'FetchRequest.json'))) return directory;
  const jar = kafkaClientsJar();
  const options = { cwd: cacheDirectory(), stdio: 'ignore' as const };
  if (spawnSync('jar', ['xf', jar, 'common/message'], options).status !== 0) {
    execFileSync('unzip', ['-o', '-q', jar, 'common/message/*'], options);
  }
  return directory;
}
