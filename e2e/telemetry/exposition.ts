// Reads the Prometheus text format strictly (exposition formats, version 0.0.4): what this takes, Prometheus takes.
import { BrokerError } from '@robustmq/errors';

/** One series of a metric. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with what is said of it. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)",?/y;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)(?: (-?\\d+))?$`);
const SERIES_SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** The families of an exposition, in its order. @throws BrokerError for a line that Prometheus would refuse */
export function parseExposition(text: string): Family[] {
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  const seen = new Set<string>();
  let open: Family | undefined;
  if (!text.endsWith('\n')) throw new BrokerError('malformed', 'the last line does not end');
  for (const line of text.slice(0, -1).split('\n')) {
    const refuse = (why: string): BrokerError => new BrokerError('malformed', `${why}: ${line}`);
    const [, kind, name = '', rest = ''] = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line) ?? [];
    if (kind === 'HELP') {
      if (helps.has(name)) throw refuse('a second HELP');
      helps.set(name, rest);
    } else if (kind === 'TYPE') {
      if (families.has(name)) throw refuse('a second TYPE');
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw refuse('an unknown type');
      open = { name, type: rest, help: helps.get(name) ?? '', samples: [] };
      families.set(name, open);
    } else if (!line.startsWith('#') && line !== '') {
      const sample = parseSample(line);
      if (sample === undefined) throw refuse('no sample');
      const suffixes = SERIES_SUFFIXES[open?.type ?? ''] ?? [''];
      if (open === undefined || !suffixes.some((suffix) => sample.name === open!.name + suffix))
        throw refuse('a sample outside its metric');
      const key = JSON.stringify([sample.name, sample.labels]);
      if (seen.has(key)) throw refuse('a series twice');
      seen.add(key);
      open.samples.push(sample);
    }
  }
  return [...families.values()];
}

function parseSample(line: string): Sample | undefined {
  const match = SAMPLE.exec(line);
  if (match === null) return undefined;
  const [, name = '', labelText = '', valueText = ''] = match;
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labelText.length) {
    const pair = LABEL.exec(labelText);
    if (pair === null || pair[1]! in labels) return undefined;
    labels[pair[1]!] = pair[2]!;
  }
  const value = /^[+-]Inf$/.test(valueText) ? Number(`${valueText}inity`) : Number(valueText);
  return Number.isNaN(value) && valueText !== 'NaN' ? undefined : { name, labels, value };
}
