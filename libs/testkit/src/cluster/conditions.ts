// Waiting for something to become true, with a limit. The one place of tests and tools that polls.
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { BrokerError } from '@robustmq/errors';

const FIRST_POLL_MS = 5;
const LAST_POLL_MS = 200;

/**
 * Polls until `condition` returns something other than `undefined` or `false`, and resolves with it.
 * Fails with `deadline_exceeded`, naming `what`, after `timeoutMs`.
 */
export async function waitUntil<T>(
  what: string,
  timeoutMs: number,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let pauseMs = FIRST_POLL_MS;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= deadline) {
      throw new BrokerError('deadline_exceeded', `not within ${timeoutMs} ms: ${what}`);
    }
    await delay(pauseMs);
    pauseMs = Math.min(LAST_POLL_MS, pauseMs * 1.5);
  }
}

/** Whether an HTTP GET of `url` answers 2xx within `timeoutMs`. A refused or broken connection is `false`, not an error. */
export function answersOk(url: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      response.resume();
      resolve(response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => {
      resolve(false);
    });
    request.once('close', () => {
      resolve(false);
    });
  });
}
