// Messages on their way to a client, from PUBLISH to what completes them (rules S2, S3).

import { PACKET_TYPE, type AckType } from '@robustmq/mqtt-codec';
import { OutboundLedger, RESERVED } from '../../src/outbound/outbound-ledger.ts';
import { SendWindow, WINDOW_FULL } from '../../src/outbound/send-window.ts';

const { puback, pubrec, pubrel, pubcomp } = PACKET_TYPE;
const place = { key: 5 };
const ledgerOf = (receiveMaximum = 3): OutboundLedger<typeof place> =>
  new OutboundLedger(new SendWindow<typeof place>(receiveMaximum));

/** Admits, commits and sends the message at `offset`; its identifier. */
function sent(ledger: OutboundLedger<typeof place>, offset: number): number {
  ledger.admit(place, offset);
  ledger.committed(ledger.reserved().map(({ packetId }) => packetId));
  return ledger.admit(place, offset);
}

describe('QoS 1', () => {
  test('is complete with PUBACK, once', () => {
    const ledger = ledgerOf();
    const packetId = ledger.window.take(place, 8);
    expect([...ledger.entries()]).toEqual([{ packetId, place, offset: 8, qos: 1, state: 'sent' }]);
    expect(ledger.acknowledge(puback, packetId, 0)).toBe('complete');
    expect(ledger.acknowledge(puback, packetId, 0)).toBe('unknown');
    expect([...ledger.entries()]).toEqual([]);
  });

  test.each([pubrec, pubcomp])('an acknowledgement of type %d ends the connection', (type: AckType) => {
    const ledger = ledgerOf();
    const packetId = ledger.window.take(place, 8);
    expect(() => ledger.acknowledge(type, packetId, 0)).toThrow(/for one of QoS 1/);
    expect(ledger.window.holds(packetId)).toBe(true);
  });
});

describe('QoS 2', () => {
  test('S2: PUBLISH leaves only once its row is written', () => {
    const ledger = ledgerOf();
    expect(ledger.admit(place, 8)).toBe(RESERVED);
    expect(ledger.admit(place, 8)).toBe(RESERVED);
    const [row] = ledger.reserved();
    expect(row).toMatchObject({ offset: 8, qos: 2, state: 'sent' });
    ledger.committed([row!.packetId]);
    expect(ledger.reserved()).toEqual([]);
    expect(ledger.admit(place, 8)).toBe(row!.packetId);
  });

  test('what is reserved and not written is nothing that the next owner has to know', () => {
    const ledger = ledgerOf();
    ledger.admit(place, 8);
    expect([...ledger.entries()]).toEqual([]);
  });

  test('[MQTT-3.3.4-9]: reservations share the window with QoS 1, up to its room', () => {
    const ledger = ledgerOf(2);
    ledger.window.take(place, 1);
    expect(ledger.admit(place, 2)).toBe(RESERVED);
    expect(ledger.admit(place, 3)).toBe(WINDOW_FULL);
    expect(ledger.reserved()).toHaveLength(1);
  });

  test('S2: PUBREC, PUBREL, PUBCOMP; its row stays until the cursor is past it', () => {
    const ledger = ledgerOf();
    const packetId = sent(ledger, 8);
    expect(ledger.acknowledge(pubrec, packetId, 0)).toBe('received');
    expect([...ledger.entries()]).toMatchObject([{ state: 'received', qos: 2 }]);
    expect(ledger.acknowledge(pubrec, packetId, 0)).toBe('received');
    expect(ledger.acknowledge(pubcomp, packetId, 0)).toBe('complete');
    expect([...ledger.entries()]).toMatchObject([{ state: 'done' }]);
    expect(ledger.window.size).toBe(0);
    expect(ledger.settle(place, 8)).toEqual([]);
    expect(ledger.settle({ key: 6 }, 9)).toEqual([]);
    expect(ledger.settle(place, 9)).toEqual([packetId]);
    expect([...ledger.entries()]).toEqual([]);
  });

  test('4.3.3: a PUBREC that fails ends the exchange', () => {
    const ledger = ledgerOf();
    const packetId = sent(ledger, 8);
    expect(ledger.acknowledge(pubrec, packetId, 0x97)).toBe('complete');
    expect(ledger.window.size).toBe(0);
  });

  test.each([
    ['PUBACK', puback, /PUBACK of a QoS 2/],
    ['PUBCOMP before PUBREC', pubcomp, /before PUBREC/],
  ] as const)('%s ends the connection', (_name, type, message) => {
    const ledger = ledgerOf();
    const packetId = sent(ledger, 8);
    expect(() => ledger.acknowledge(type, packetId, 0)).toThrow(message);
  });

  test('S3: the next owner goes on where the rows say', () => {
    const first = ledgerOf();
    const done = sent(first, 1);
    first.acknowledge(pubrec, done, 0);
    first.acknowledge(pubcomp, done, 0);
    const received = sent(first, 2);
    first.acknowledge(pubrec, received, 0);
    const owed = sent(first, 3);
    const next = ledgerOf();
    for (const entry of first.entries()) next.restore(entry);
    expect(next.window.size).toBe(2);
    expect(next.acknowledge(pubcomp, received, 0)).toBe('complete');
    expect(next.acknowledge(pubrec, owed, 0)).toBe('received');
    expect(next.settle(place, 3).sort()).toEqual([done, received].sort());
  });
});

test.each([pubrec, pubrel, pubcomp])(
  'an acknowledgement of type %d of nothing is unknown',
  (type: AckType) => {
    expect(ledgerOf().acknowledge(type, 1, 0)).toBe('unknown');
  },
);
