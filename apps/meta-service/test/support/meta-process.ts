// A real meta-service process: built from the sources, on free ports, in a folder of its own.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { openCredentials, type Credentials, type ServiceKind } from '@robustmq/rpc';
import { silentLog } from '@robustmq/runtime';

const APP = path.resolve(__dirname, '../..');

/** Bundles the app as `npm start` would. */
export function buildMetaService(): void {
  execFileSync(process.execPath, ['../../tools/build-app.mjs'], { cwd: APP });
}

/** Where a process with this data folder keeps the secret of its cluster. */
function secretFile(directory: string): string {
  return path.join(directory, 'cluster.secret');
}

/** What a service of that kind shows to a process with this data folder. */
export async function credentialsFor(directory: string, kind: ServiceKind): Promise<Credentials> {
  const file = secretFile(directory);
  const opened = await openCredentials({ kind, file, create: false, log: silentLog });
  opened.close();
  return opened.credentials;
}

/** A started process. */
export class MetaProcess {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  private constructor(child: ChildProcess, address: string, exit: Promise<number | null>) {
    this.#child = child;
    this.address = address;
    this.#exit = exit;
  }

  /** Resolves when it says that it is ready. */
  static start(directory: string, port: number, flags: readonly string[]): Promise<MetaProcess> {
    const own = [
      `--data.dir=${directory}`,
      `--grpc.port=${port}`,
      '--ops.port=0',
      `--cluster.secretFile=${secretFile(directory)}`,
    ];
    const args = ['dist/main.js', ...own, ...flags];
    const child = spawn(process.execPath, args, { cwd: APP, stdio: ['ignore', 'pipe', 'pipe'] });
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return new Promise((resolve, reject) => {
      let output = '';
      const onData = (chunk: Buffer): void => {
        output += chunk.toString();
        const ready = output.split('\n').find((line) => line.includes('"msg":"ready"'));
        if (ready !== undefined && ready.endsWith('}')) {
          const { grpc } = JSON.parse(ready) as { grpc: string };
          resolve(new MetaProcess(child, grpc, exit));
        }
      };
      child.stdout.on('data', onData);
      child.stderr.on('data', onData);
      void exit.then((code) => reject(new Error(`meta-service ended with ${code}: ${output}`)));
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Ends it as asked and answers the exit code; null after SIGKILL. */
  stop(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.#exit;
  }
}
