// Every link leads somewhere: a file or folder of the repository, and a heading if it names one.
import { posix } from 'node:path';

import { anchorOf, type Page } from '../markdown.ts';
import type { Problem } from '../problem.ts';

/** `npm run bench` writes these; where it has not run yet there are none. */
const BENCHMARKS = /^docs\/(?:en|zh)\/benchmarks\/?$/;

/** `exists` is asked for paths from the root of the repository. Links to other hosts are not followed. */
export function checkLinks(pages: readonly Page[], exists: (path: string) => boolean): Problem[] {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  const problems: Problem[] = [];
  for (const page of pages) {
    for (const { text, line } of page.links) {
      if (/^[a-z]+:/i.test(text)) continue;
      const [target = '', anchor] = text.split('#', 2);
      const path = target === '' ? page.path : posix.normalize(posix.join(posix.dirname(page.path), target));
      const add = (message: string): void => void problems.push({ path: page.path, line, message });
      if (target !== '' && !exists(path) && !BENCHMARKS.test(path))
        add(`link to ${text}: there is no ${path}`);
      else if (crossesLanguages(page.path, path)) add(`link to ${text} leaves the language of the page`);
      else if (anchor !== undefined && !hasAnchor(byPath.get(path), anchor))
        add(`link to ${text}: no such heading`);
    }
  }
  return problems;
}

function crossesLanguages(from: string, to: string): boolean {
  const languageOf = (path: string): string | undefined => /^docs\/(en|zh)\//.exec(path)?.[1];
  return (
    languageOf(from) !== undefined && languageOf(to) !== undefined && languageOf(from) !== languageOf(to)
  );
}

function hasAnchor(page: Page | undefined, anchor: string): boolean {
  return page?.headings.some(({ text }) => anchorOf(text) === decodeURIComponent(anchor)) ?? false;
}
