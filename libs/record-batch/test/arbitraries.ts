// Random facts, shared by the tests of this package.

import fc from 'fast-check';
import type { MqttFacts } from '../src/index.ts';

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

/** Facts with any subset of parts. */
export const anyFacts: fc.Arbitrary<MqttFacts> = fc.record({
  qos: fc.integer({ min: 0, max: 2 }),
  retain: fc.boolean(),
  payloadFormat: optional(fc.constantFrom(0 as const, 1 as const)),
  originSessionId: optional(fc.maxSafeNat()),
  expiresAtMs: optional(fc.maxSafeNat()),
  dedupe: optional(
    fc.record({ sessionId: fc.maxSafeNat(), generation: fc.maxSafeNat(), sequence: fc.maxSafeNat() }),
  ),
  contentType: optional(fc.string({ unit: 'grapheme', maxLength: 100 })),
  responseTopic: optional(fc.string({ unit: 'grapheme', maxLength: 100 })),
  correlationData: optional(fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))),
});
