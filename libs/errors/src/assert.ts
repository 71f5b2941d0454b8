// What must hold by construction.

/** Thrown by {@link assert}: a bug of ours. It ends the process; nothing may catch it to go on. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what must hold by construction. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
