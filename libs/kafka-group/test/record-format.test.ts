// The stored form of a group, read from docs/en/formats/group-metadata.md alone.
import { Harness, RANGE, subscription } from './harness.ts';

class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  take(sizeBytes: number): Buffer {
    this.at += sizeBytes;
    return this.#bytes.subarray(this.at - sizeBytes, this.at);
  }

  int32(): number {
    return this.take(4).readInt32BE();
  }

  uvarint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.take(1)[0]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** `string` of the page: 0 is null, any other the size plus one. */
  string(): string | null {
    const size = this.uvarint();
    return size === 0 ? null : this.take(size - 1).toString('utf8');
  }

  bytes(): Buffer {
    return Buffer.from(this.take(this.uvarint()));
  }
}

function readForeign(metadata: Buffer): Record<string, unknown> {
  const cursor = new Cursor(metadata);
  const group = {
    version: cursor.take(1)[0],
    protocolType: cursor.string(),
    generation: cursor.int32(),
    protocol: cursor.string(),
    leader: cursor.string(),
    members: Array.from({ length: cursor.uvarint() }, () => ({
      memberId: cursor.string(),
      instanceId: cursor.string(),
      clientId: cursor.string(),
      clientHost: cursor.string(),
      sessionTimeoutMs: cursor.int32(),
      rebalanceTimeoutMs: cursor.int32(),
      assignment: cursor.bytes(),
      protocols: Array.from({ length: cursor.uvarint() }, () => ({
        name: cursor.string(),
        metadata: cursor.bytes(),
      })),
    })),
  };
  expect(cursor.isAtEnd).toBe(true);
  return group;
}

const stored = (h: Harness): Record<string, unknown> => readForeign(h.records.at(-1)!.record.metadata);

test('a group with members is stored as the page says', () => {
  const h = new Harness();
  const options = { groupInstanceId: 'rack-1', clientId: 'größe', clientHost: '/10.0.0.7' };
  const [memberId = ''] = h.stable(1, {
    ...options,
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 2 ** 31 - 1,
  });
  expect(stored(h)).toEqual({
    version: 1,
    protocolType: 'consumer',
    generation: h.group.generationId,
    protocol: RANGE,
    leader: memberId,
    members: [
      {
        memberId,
        instanceId: 'rack-1',
        clientId: 'größe',
        clientHost: '/10.0.0.7',
        sessionTimeoutMs: 6_000,
        rebalanceTimeoutMs: 2 ** 31 - 1,
        assignment: Buffer.from(`a:${memberId}`),
        protocols: [{ name: RANGE, metadata: subscription(['t']) }],
      },
    ],
  });
});

test('members without an instance id have null there, and are in the order in which they joined', () => {
  const h = new Harness();
  h.stable(3, { groupInstanceId: null });
  const members = stored(h)['members'] as { memberId: string; instanceId: string | null }[];
  expect(members.map(({ memberId, instanceId }) => [memberId, instanceId])).toEqual(
    h.group.describe().members.map(({ memberId }) => [memberId, null]),
  );
});

test('an empty group has no protocol, leader or member', () => {
  const h = new Harness();
  h.stable(1);
  h.advance(10_000);
  expect(stored(h)).toMatchObject({
    version: 1,
    protocolType: 'consumer',
    protocol: null,
    leader: null,
    members: [],
  });
});
