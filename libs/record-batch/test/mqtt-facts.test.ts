import fc from 'fast-check';
import { MqttFactsReader, type MqttFacts } from '../src/index.ts';
import { sizeOfMqttFacts, writeMqttFacts } from '../src/mqtt-facts.ts';
import { peekQos, peekRetain } from '../src/mqtt-facts.ts';
import { anyFacts } from './arbitraries.ts';

function encode(facts: MqttFacts): Buffer {
  const buffer = Buffer.alloc(sizeOfMqttFacts(facts));
  expect(writeMqttFacts(buffer, 0, facts)).toBe(buffer.length);
  return buffer;
}

function decode(bytes: Buffer): MqttFacts {
  return new MqttFactsReader().reset(bytes, 0, bytes.length).toFacts();
}

describe('mqtt header', () => {
  it('carries every fact and takes the size foretold', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const bytes = encode(facts);
        expect(decode(bytes)).toEqual(facts);
        expect(peekQos(bytes, 0)).toBe(facts.qos);
        expect(peekRetain(bytes, 0)).toBe(facts.retain);
      }),
    );
  });

  // The bytes documented in docs/en/formats/record-batch.md; segments hold them for years.
  it.each<[string, MqttFacts, string]>([
    ['least', { qos: 1, retain: false }, '010100'],
    ['retained, text', { qos: 0, retain: true, payloadFormat: 1 }, '011c00'],
    ['payload format 0 is not "absent"', { qos: 0, retain: false, payloadFormat: 0 }, '010800'],
    ['origin', { qos: 1, retain: false, originSessionId: 258 }, '0101010000000000000102'],
    [
      'R7: dedupe key',
      { qos: 2, retain: false, dedupe: { sessionId: 1, generation: 2, sequence: 3 } },
      '010204000000000000000100000000000000020000000000000003',
    ],
    [
      'all',
      {
        qos: 1,
        retain: false,
        originSessionId: 1,
        expiresAtMs: 2,
        contentType: 'a',
        responseTopic: 'bc',
        correlationData: Buffer.from([0xff]),
      },
      '01013b00000000000000010000000000000002' + '0161' + '026263' + '01ff',
    ],
  ])('bytes of %s', (_name, facts, hex) => {
    expect(encode(facts).toString('hex')).toBe(hex);
    expect(decode(Buffer.from(hex, 'hex'))).toMatchObject(facts);
  });

  it.each([
    ['other version', '020100', 'unsupported'],
    ['unknown flag', '014100', 'unsupported'],
    ['unknown part', '010140', 'unsupported'],
    ['two bytes', '0101', 'corrupt'],
    ['fixed part cut off', '010101000000', 'corrupt'],
    ['string cut off', '0101080561', 'corrupt'],
    ['string length missing', '010108', 'corrupt'],
    ['expiry beyond safe integers', '0101027fffffffffffffff', 'out_of_range'],
  ])('refuses %s', (_name, hex, code) => {
    expect(() => decode(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code }));
  });

  it('random bytes give facts or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (array, plausible) => {
        const bytes = Buffer.from(array);
        if (plausible && bytes.length > 2) {
          bytes[0] = 1;
          bytes[1]! &= 0x1f;
          bytes[2]! &= 0x3f;
        }
        try {
          expect(decode(bytes).qos).toBeLessThanOrEqual(3);
        } catch (error) {
          expect(error).toMatchObject({ name: 'BrokerError' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
