import fc from 'fast-check';
import { EXPIRED, expiresAtMs, NEVER, remainingExpiryS } from '../src/message-expiry.ts';

test.each([
  [NEVER, 0, NEVER],
  [1000, 0, 1],
  [1000, 1, 1],
  [1001, 0, 2],
  [1000, 999, 1],
  [1000, 1000, EXPIRED], // [MQTT-3.3.2-5]
  [1000, 5000, EXPIRED],
])('a message that ends at %d has at %d ms %d s left', (endMs, nowMs, expected) => {
  expect(remainingExpiryS(endMs, nowMs)).toBe(expected);
});

test('[MQTT-3.3.2-6]: what is left is the interval without the time waited', () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(100_000), fc.nat(2 ** 40), (intervalS, waitedS, nowMs) => {
      const left = remainingExpiryS(expiresAtMs(intervalS, nowMs), nowMs + waitedS * 1000);
      expect(left).toBe(waitedS < intervalS ? intervalS - waitedS : EXPIRED);
    }),
  );
  expect(expiresAtMs(-1, 5)).toBe(NEVER);
});
