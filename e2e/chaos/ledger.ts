// Compares what was acknowledged with what can be read.
import { runProgram } from '../clients/program.ts';
import type { Writer } from './writers.ts';

const READ_TIMEOUT_MS = 60_000;
const EXAMPLES = 5;

/** What a writer had been told at one instant. */
export interface LedgerEntry {
  readonly name: string;
  readonly acknowledged: ReadonlySet<number>;
  readonly mayRepeat: boolean;
}

/** A copy of all ledgers as they are now. */
export function freeze(writers: readonly Writer[]): LedgerEntry[] {
  return writers.map(({ name, acknowledged, mayRepeat }) => ({
    name,
    acknowledged: new Set(acknowledged),
    mayRepeat,
  }));
}

/** Every value of a topic, in offset order, read by a client of its own. */
export async function readTopic(bootstrap: string, topic: string): Promise<string[]> {
  const args = [
    '-b',
    bootstrap,
    '-C',
    '-q',
    '-e',
    '-o',
    'beginning',
    '-t',
    topic,
    '-X',
    'topic.metadata.refresh.interval.ms=500',
  ];
  const { stdout } = await runProgram('kcat', args, { timeoutMs: READ_TIMEOUT_MS });
  return stdout.split('\n').slice(0, -1);
}

/**
 * What contradicts the ledger, in words; empty when all is well. Lost: acknowledged and not there (I1). Out of order:
 * a first appearance after a later number of the same writer (I3). Repeated: twice by a writer that may not (KIP-98).
 */
export function contradictions(ledger: readonly LedgerEntry[], values: readonly string[]): string[] {
  const found: string[] = [];
  for (const { name, acknowledged, mayRepeat } of ledger) {
    const seen = new Set<number>();
    let last = -1;
    let misplaced = 0;
    let repeated = 0;
    for (const value of values) {
      if (!value.startsWith(`${name}:`)) continue;
      const number = Number(value.slice(name.length + 1));
      if (seen.has(number)) repeated += 1;
      else if (number < last) misplaced += 1;
      else last = number;
      seen.add(number);
    }
    const lost = [...acknowledged].filter((number) => !seen.has(number));
    if (lost.length > 0)
      found.push(
        `${name}: ${lost.length} of ${acknowledged.size} acknowledged lost, such as ${lost.slice(0, EXAMPLES).join(', ')}`,
      );
    if (misplaced > 0) found.push(`${name}: ${misplaced} out of order`);
    if (repeated > 0 && !mayRepeat) found.push(`${name}: ${repeated} repeated`);
  }
  return found;
}
