// The parts of a Markdown page that can be checked: headings, links, inline code and fenced blocks, with their lines.

/** A heading. */
export interface Heading {
  readonly level: number;
  readonly text: string;
  readonly line: number;
}

/** Inline code, or the target of a link. */
export interface Span {
  readonly text: string;
  readonly line: number;
}

/** A fenced block; `line` is that of its first line of content. */
export interface Fence {
  readonly language: string;
  readonly lines: readonly string[];
  readonly line: number;
}

/** A page, read. */
export interface Page {
  readonly path: string;
  readonly headings: readonly Heading[];
  readonly links: readonly Span[];
  readonly code: readonly Span[];
  readonly fences: readonly Fence[];
}

const FENCE = /^```(\S*)/;
const HEADING = /^(#{1,6}) (.*)$/;
const LINK = /\]\(([^()\s]+)\)/g;
const CODE = /(`+)(.+?)\1/g;

/** Reads a page; `path` is only for messages. */
export function readPage(path: string, text: string): Page {
  const headings: Heading[] = [];
  const links: Span[] = [];
  const code: Span[] = [];
  const fences: Fence[] = [];
  let open: { language: string; lines: string[]; line: number } | undefined;
  text.split('\n').forEach((content, index) => {
    const line = index + 1;
    const fence = FENCE.exec(content);
    if (fence !== null) {
      if (open === undefined) open = { language: fence[1] ?? '', lines: [], line: line + 1 };
      else {
        fences.push(open);
        open = undefined;
      }
      return;
    }
    if (open !== undefined) {
      open.lines.push(content);
      return;
    }
    const heading = HEADING.exec(content);
    if (heading !== null) headings.push({ level: heading[1]!.length, text: heading[2]!, line });
    for (const match of content.matchAll(CODE)) code.push({ text: match[2]!.trim(), line });
    // What looks like a link within code is none.
    for (const match of content.replaceAll(CODE, '').matchAll(LINK)) links.push({ text: match[1]!, line });
  });
  return { path, headings, links, code, fences };
}

/** The anchor that a heading gets: lower case, without punctuation, blanks as dashes. */
export function anchorOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
}
