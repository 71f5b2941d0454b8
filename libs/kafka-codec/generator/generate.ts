// Writes src/generated from the official message descriptors; with --check it compares instead and exits 1 on drift.
// Exit 3: Java or Maven is missing, nothing was checked or written.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format } from 'prettier';
import { APIS, HEADERS } from './apis.ts';
import { descriptorDirectory, KAFKA_VERSION, missingTool } from './descriptors.ts';
import { emitReaders } from './emit-read.ts';
import { emitTypes } from './emit-types.ts';
import { emitWriters } from './emit-write.ts';
import { loadMessage, OPEN, type Message } from './schema.ts';

const OUTPUT = path.join(import.meta.dirname, '..', 'src', 'generated');
/** The normalised model, from which tests draw random messages. */
const MODEL = path.join(import.meta.dirname, '..', 'test', 'generated', 'messages.json');
const HEAD = `// Generated from the message descriptors of Apache Kafka ${KAFKA_VERSION} (Apache-2.0); do not edit.\n`;
const RUNTIME = ['ZERO_UUID', 'EMPTY_BYTES', 'EMPTY_ARRAY', 'notNull', 'refuseUnlessDefault', 'sameValue'];

function fileName(message: string): string {
  return `${message.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.ts`;
}

function emitMessage(message: Message): string {
  const body = [emitTypes(message), emitReaders(message), emitWriters(message)].join('\n');
  const used = RUNTIME.filter((name) => new RegExp(`\\b${name}\\b`).test(body));
  const imports = [
    "import type { KafkaReader } from '../reader.ts';",
    "import type { KafkaWriter } from '../writer.ts';",
  ];
  if (used.length > 0) imports.push(`import { ${used.join(', ')} } from '../defaults.ts';`);
  return `${HEAD}${imports.join('\n')}\n\n${body}`;
}

function emitIndex(messages: readonly Message[], pairs: readonly (readonly [Message, Message])[]): string {
  const out = [HEAD, "import type { ApiMessages } from '../api.ts';"];
  for (const { name } of pairs.flat()) {
    out.push(`import { read${name}, write${name} } from './${fileName(name)}';`);
  }
  for (const { name } of messages) out.push(`export type * from './${fileName(name)}';`);
  out.push('', '/** Every API with its versions, readers and writers, by API key. */');
  out.push('export const API_MESSAGES = {');
  for (const [request, response] of pairs) {
    const flexible =
      request.flexibleVersions.min > request.flexibleVersions.max ? OPEN : request.flexibleVersions.min;
    const api = request.name.replace(/Request$/, '');
    out.push(`  ${request.apiKey}: {`, `    name: '${api}',`, `    apiKey: ${request.apiKey},`);
    out.push(
      `    minVersion: ${request.validVersions.min},`,
      `    maxVersion: ${request.validVersions.max},`,
    );
    out.push(`    flexibleFrom: ${flexible},`);
    out.push(`    readRequest: read${request.name},`, `    writeRequest: write${request.name},`);
    out.push(`    readResponse: read${response.name},`, `    writeResponse: write${response.name},`, '  },');
  }
  out.push('} as const satisfies Record<number, ApiMessages>;', '');
  return out.join('\n');
}

/** Files by path relative to the package. */
async function generate(): Promise<Map<string, string>> {
  const directory = descriptorDirectory();
  const messages = HEADERS.map((name) => loadMessage(directory, name));
  const pairs: (readonly [Message, Message])[] = [];
  for (const { name, maxVersion } of APIS) {
    const request = loadMessage(directory, `${name}Request`, maxVersion);
    const response = loadMessage(directory, `${name}Response`, maxVersion);
    messages.push(request, response);
    pairs.push([request, response]);
  }
  const files = new Map<string, string>();
  for (const message of messages) files.set(path.join(OUTPUT, fileName(message.name)), emitMessage(message));
  files.set(path.join(OUTPUT, 'index.ts'), emitIndex(messages, pairs));
  files.set(MODEL, JSON.stringify(messages));
  for (const [name, text] of files) {
    files.set(
      name,
      await format(text, { filepath: name, printWidth: 110, singleQuote: true, trailingComma: 'all' }),
    );
  }
  return files;
}

function drift(files: ReadonlyMap<string, string>): string[] {
  const present = existsSync(OUTPUT) ? readdirSync(OUTPUT).map((name) => path.join(OUTPUT, name)) : [];
  const wrong = present.filter((file) => !files.has(file));
  for (const [file, text] of files) {
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) wrong.push(file);
  }
  return wrong.map((file) => path.basename(file));
}

const missing = missingTool();
if (missing !== undefined) {
  process.stderr.write(
    `kafka-codec: "${missing}" is not installed, so the Kafka descriptors cannot be read\n`,
  );
  process.exit(3);
}
const files = await generate();
if (process.argv.includes('--check')) {
  const wrong = drift(files);
  if (wrong.length > 0) {
    process.stderr.write(`kafka-codec: generated files differ from the descriptors: ${wrong.join(', ')}\n`);
    process.exit(1);
  }
} else {
  rmSync(OUTPUT, { recursive: true, force: true });
  mkdirSync(OUTPUT, { recursive: true });
  mkdirSync(path.dirname(MODEL), { recursive: true });
  for (const [file, text] of files) writeFileSync(file, text);
  process.stdout.write(`kafka-codec: wrote ${files.size} files\n`);
}
