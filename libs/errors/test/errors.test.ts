import { BrokerError, assert, isErrorCode } from '../src/index.ts';
import { AssertionError } from '../src/assert.ts';
import { ERROR_CODES } from '../src/error-code.ts';

describe('BrokerError', () => {
  it('keeps code, details and cause, and hides the message of a foreign error', () => {
    const cause = new TypeError('secret path /x');
    const error = BrokerError.from(cause, 'unavailable');
    expect(error).toMatchObject({ code: 'unavailable', cause, retriable: true });
    expect(error.message).not.toContain('secret');
    expect(BrokerError.from(error)).toBe(error);
    expect(new BrokerError('too_large', 'frame', { details: { limitBytes: 5 } }).details).toEqual({
      limitBytes: 5,
    });
  });

  it.each(Object.entries(ERROR_CODES))('%s says whether a retry may help', (code, { retriable }) => {
    expect(isErrorCode(code)).toBe(true);
    if (isErrorCode(code)) expect(new BrokerError(code, 'x').retriable).toBe(retriable);
  });

  it('does not take inherited property names for codes', () => {
    expect(isErrorCode('toString')).toBe(false);
  });
});

describe('assert', () => {
  it('throws a programmer error that is no BrokerError', () => {
    expect(() => assert(false, 'never')).toThrow(AssertionError);
    expect(() => assert(true, 'never')).not.toThrow();
  });
});
