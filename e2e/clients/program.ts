// Programs of other people, run to their end or watched while they run.
import { type ChildProcess, spawn } from 'node:child_process';

import { BrokerError } from '@robustmq/errors';
import { waitUntil } from '@robustmq/testkit/cluster';

const DEFAULT_TIMEOUT_MS = 30_000;

/** What a program left behind. */
export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program whose output can be waited for. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  stdout = '';
  stderr = '';

  /** With `ownSession`, whatever the terminal or the scheduler does to this process's session leaves the program alone. */
  constructor(
    command: string,
    args: readonly string[],
    input?: string,
    { ownSession = false }: { readonly ownSession?: boolean } = {},
  ) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: ownSession });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    // A program that ends before it has read its input is judged by its exit code.
    this.#child.stdin?.on('error', () => undefined);
    if (input !== undefined) this.#child.stdin?.end(input);
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', resolve);
    });
  }

  /** Whole lines of standard output so far. */
  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  /** Resolves when standard output has at least `count` lines, or fails with all that was printed. */
  async waitForLines(count: number, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<string[]> {
    await waitUntil(`${count} lines of output`, timeoutMs, () => this.lines.length >= count).catch(
      (error: unknown) => {
        throw new BrokerError(
          'deadline_exceeded',
          `${this.lines.length} of ${count} lines:\n${this.stdout}${this.stderr}`,
          { cause: error },
        );
      },
    );
    return this.lines;
  }

  /** Resolves when either output holds `text`. */
  async waitForText(text: string, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<void> {
    await waitUntil(
      `output with "${text}"`,
      timeoutMs,
      () => this.stdout.includes(text) || this.stderr.includes(text),
    );
  }

  /** Resolves when it has ended by itself. */
  async result(timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<ProgramResult> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    const code = await this.#ended;
    clearTimeout(timer);
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.result();
  }
}

/** Runs a program to its end; fails with its output unless it exits with 0. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<ProgramResult> {
  const result = await new Program(command, args, options.input ?? '').result(options.timeoutMs);
  if (result.code !== 0) {
    const what = `${command} ${args.join(' ')} ended with ${result.code ?? 'a signal'}`;
    throw new BrokerError('internal', `${what}:\n${result.stdout}${result.stderr}`);
  }
  return result;
}
