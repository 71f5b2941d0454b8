// What a nightly run takes: which files, and how many times the seeds and rounds of `npm test`.

/** The factor that a text says, undefined if it is none: that would run nothing, and prove nothing. */
export function scaleOf(text: string): number | undefined {
  const scale = Number(text);
  return Number.isFinite(scale) && scale > 0 ? scale : undefined;
}

/** Whether a file is among those asked for, by its path from the root as the summary shows it; all are unless words are given. */
export function isWanted(file: string, only: string | undefined): boolean {
  return only === undefined || only.split(',').some((word) => file.includes(word));
}
