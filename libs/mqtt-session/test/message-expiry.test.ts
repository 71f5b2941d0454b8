import fc from 'fast-check';
import { messageExpiry } from '../src/message-expiry.ts';

test.each([
  [messageExpiry.never, 0, messageExpiry.never],
  [1000, 0, 1],
  [1000, 1, 1],
  [1001, 0, 2],
  [1000, 999, 1],
  [1000, 1000, messageExpiry.expired], // [MQTT-3.3.2-5]
  [1000, 5000, messageExpiry.expired],
])('a message that ends at %d has at %d ms %d s left', (endMs, nowMs, expected) => {
  expect(messageExpiry.remainingS(endMs, nowMs)).toBe(expected);
});

test('[MQTT-3.3.2-6]: what is left is the interval without the time waited', () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(100_000), fc.nat(2 ** 40), (intervalS, waitedS, nowMs) => {
      const left = messageExpiry.remainingS(messageExpiry.endMs(intervalS, nowMs), nowMs + waitedS * 1000);
      expect(left).toBe(waitedS < intervalS ? intervalS - waitedS : messageExpiry.expired);
    }),
  );
  expect(messageExpiry.endMs(-1, 5)).toBe(messageExpiry.never);
});
