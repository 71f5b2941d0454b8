// Runs one command of a check with a time limit, keeping its output for the report.
import { type ChildProcess, spawn } from 'node:child_process';

const KEPT_OUTPUT_CHARACTERS = 200_000;
const KILL_AFTER_MS = 5_000;
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What came out of a command. */
export interface CommandResult {
  readonly ok: boolean;
  /** The end of stdout and stderr together, as they came. */
  readonly output: string;
}

/** Options of {@link runCommand}. */
export interface CommandOptions {
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each whole line of output. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a command to its end; never throws. Past the limit its whole process group ends, and the result is not ok. A signal
 * that ends this process ends the group first: it is no part of a terminal's, and would go on alone.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let output = '';
    let partial = '';
    let timedOut = false;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const take = (chunk: Buffer): void => {
      const text = chunk.toString('utf8');
      output = (output + text).slice(-KEPT_OUTPUT_CHARACTERS);
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    };
    const signalGroup = (signal: NodeJS.Signals): void => {
      // The group may be gone already; there is nothing left to end then.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, signal);
    };
    const endGroup = (): void => {
      signalGroup('SIGTERM');
      setTimeout(signalGroup, KILL_AFTER_MS, 'SIGKILL').unref();
    };
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup();
    }, options.timeoutMs);
    endTogether(child, endGroup);
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const finish = (ok: boolean, remark: string): void => {
      clearTimeout(timer);
      resolve({
        ok: ok && !timedOut,
        output: timedOut ? `${output}\nended after ${options.timeoutMs / 1000} s\n` : output + remark,
      });
    };
    child.once('error', (error) => {
      finish(false, `\n${command}: ${error.message}\n`);
    });
    child.once('close', (code) => {
      finish(code === 0, '');
    });
  });
}

/** A signal to end is for the whole run: first the command ends, then this process as it would have without one. */
function endTogether(child: ChildProcess, endCommand: () => void): void {
  let told: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    told = signal;
    endCommand();
  };
  for (const signal of END_SIGNALS) process.on(signal, onSignal);
  const ended = (): void => {
    for (const signal of END_SIGNALS) process.off(signal, onSignal);
    if (told !== undefined) process.kill(process.pid, told);
  };
  child.once('exit', ended);
  child.once('error', ended);
}
