const POLL_MS = 2;

/** Waits until it is so. Fails by a deadline that even a busy machine keeps, naming what was waited for. */
export async function until(
  condition: () => boolean,
  what = 'the condition',
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new RangeError(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
