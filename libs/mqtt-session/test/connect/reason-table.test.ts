import { BrokerError, type ErrorCode } from '@robustmq/errors';
import { ERROR_CODES } from '@robustmq/errors/testing';
import { CONNACK_REASONS, REASON } from '@robustmq/mqtt-codec';
import { PUBACK_REASONS, SERVER_DISCONNECT_REASONS, SUBACK_REASONS } from '@robustmq/mqtt-codec/testing';
import { ERROR_REASONS, reasonOfError, v3BehaviourOf } from '../../src/connect/reason-table.ts';

test.each(Object.keys(ERROR_CODES) as ErrorCode[])(
  '%s has reason codes that their packets may carry',
  (code) => {
    const { publish, subscribe, connect, disconnect } = ERROR_REASONS[code];
    expect(PUBACK_REASONS).toContain(publish);
    expect(SUBACK_REASONS).toContain(subscribe);
    expect(CONNACK_REASONS).toContain(connect);
    expect(SERVER_DISCONNECT_REASONS).toContain(disconnect);
    for (const each of [publish, subscribe, connect, disconnect]) expect(each).toBeGreaterThanOrEqual(0x80);
  },
);

test.each(Object.entries(REASON))('%s has a 3.x behaviour that 3.x can express', (_name, reasonCode) => {
  const { connack, publish, suback } = v3BehaviourOf(reasonCode);
  expect([null, 0, 1, 2, 3, 4, 5]).toContain(connack);
  expect([0, 1, 2, 0x80]).toContain(suback);
  // Success stays success, and a failure never turns into one except where 3.1.1 leaves no other way.
  expect(suback === 0x80).toBe(reasonCode >= 0x80 || [0x04, 0x18, 0x19].includes(reasonCode));
  if (reasonCode >= 0x80) expect(connack).not.toBe(0);
  if (publish === 'acknowledge') expect([0x00, 0x01, 0x02, 0x10, 0x11, 0x87]).toContain(reasonCode);
});

test('an unknown reason code is a failure', () => {
  expect(v3BehaviourOf(0xff)).toEqual({ connack: null, publish: 'close', suback: 0x80 });
  expect(v3BehaviourOf(0x55)).toEqual({ connack: null, publish: 'close', suback: 0x80 });
});

test('an error of the codec brings its own reason for the packets that end a connection', () => {
  const error = new BrokerError('malformed', 'x', { details: { reasonCode: 0x94 } });
  expect(reasonOfError(error, 'disconnect')).toBe(0x94);
  expect(reasonOfError(error, 'publish')).toBe(0x83);
  expect(reasonOfError(new BrokerError('malformed', 'x'), 'disconnect')).toBe(0x81);
});
