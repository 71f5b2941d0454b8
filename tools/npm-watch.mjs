// Tells a command that npm runs when that npm is gone, whatever ended it: npm waits for few signals, and a kill it can't see.
import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { clearInterval, setInterval } from 'node:timers';

const LOOK_EVERY_MS = 500;
/** More shells than there ever are. */
const MAX_LINKS = 8;
const SHELL = /^(?:sh|ash|bash|dash|ksh|zsh|busybox)$/;

/** Calls `onGone` once, when the npm that runs this process as its script `script` has ended; returns what stops the watch. */
export function watchNpm(script, onGone) {
  if (process.env.npm_lifecycle_event !== script) return () => undefined;
  const links = linksToNpm();
  const timer = setInterval(() => {
    if (links.every(({ pid, parent }) => parentOf(pid) === parent)) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** This process and the shells between it and npm, which outlive npm: its own, and that of `node_modules/.bin/node`. */
function linksToNpm() {
  const links = [];
  for (let pid = process.pid; links.length < MAX_LINKS;) {
    const parent = parentOf(pid);
    if (parent === undefined) break;
    links.push({ pid, parent });
    if (!SHELL.test(programOf(parent))) break;
    pid = parent;
  }
  return links;
}

function programOf(pid) {
  return ofProcess(() => path.basename(readlinkSync(`/proc/${pid}/exe`))) ?? '';
}

function parentOf(pid) {
  if (pid === process.pid) return process.ppid;
  const stat = ofProcess(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // `pid (name) state ppid ...`, and the name may hold anything.
  return stat && Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** What the kernel says of a process; undefined on a kernel that does not say it, or when the process is gone. */
function ofProcess(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}
