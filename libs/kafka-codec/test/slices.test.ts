// A long message takes no turn of the loop for long: it is read and written in slices, and comes out the same (N8).
import { Random } from '@robustmq/testkit';
import { writeFetchResponse } from '../src/generated/fetch-response.ts';
import { readCreateTopicsRequest, writeCreateTopicsRequest } from '../src/generated/create-topics-request.ts';
import { readJoinGroupRequest, writeJoinGroupRequest } from '../src/generated/join-group-request.ts';
import { KafkaReader, KafkaWriter, RequestEnvelope, ResponseEncoder } from '../src/index.ts';
import { encodeRequest } from '../src/request.ts';

/** Every look is worth one of the looks that a turn has. */
class Turns {
  turns = 0;
  readonly #looksPerTurn: number;
  #looks = 0;

  constructor(looksPerTurn: number) {
    this.#looksPerTurn = looksPerTurn;
  }

  get isSpent(): boolean {
    this.#looks += 1;
    return this.#looks > this.#looksPerTurn;
  }

  next(): this {
    this.turns += 1;
    this.#looks = 0;
    return this;
  }
}

function readAll<T>(bytes: Buffer, turns: Turns, read: (reader: KafkaReader) => T): T {
  const reader = new KafkaReader(bytes);
  for (;;) {
    const value = reader.inSlices(turns.next(), () => read(reader));
    if (value !== undefined) {
      expect(reader.remaining).toBe(0);
      return value;
    }
  }
}

/** Arrays of every size at every level: long ones beside each other, and many short ones in a long one. */
function topics(random: Random) {
  const assignment = (partitionIndex: number) => ({
    partitionIndex,
    brokerIds: Array.from({ length: random.below(200) }, (_, n) => n),
  });
  return Array.from({ length: 1 + random.below(40) }, (_, n) => ({
    name: `t${n}`,
    numPartitions: n,
    replicationFactor: 1,
    assignments: Array.from({ length: random.below(30) }, (__, index) => assignment(index)),
    configs: Array.from({ length: random.below(300) }, (__, index) => ({ name: `c${index}`, value: null })),
  }));
}

test.each([5, 7])(
  'a request of version %i is read in slices as it is read at once, whatever they are',
  (version) => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const random = new Random(seed);
      const writer = new KafkaWriter();
      writeCreateTopicsRequest(writer, version, { topics: topics(random), timeoutMs: seed });
      const bytes = writer.finish();
      const turns = new Turns(1 + random.below(4));
      const read = (reader: KafkaReader) => readCreateTopicsRequest(reader, version);
      // As text, since values of this size take long to compare.
      const whole = JSON.stringify(read(new KafkaReader(bytes)));
      expect(JSON.stringify(readAll(bytes, turns, read)) === whole).toBe(true);
    }
  },
);

test('a turn reads so many elements as it looks at the clock, not more', () => {
  const protocols = Array.from({ length: 24_000 }, (_, n) => ({ name: `p${n}`, metadata: Buffer.alloc(1) }));
  const writer = new KafkaWriter();
  writeJoinGroupRequest(writer, 7, {
    groupId: 'g',
    sessionTimeoutMs: 1,
    memberId: '',
    protocolType: 'consumer',
    protocols,
  });
  const turns = new Turns(4);
  const { protocols: read } = readAll(writer.finish(), turns, (reader) => readJoinGroupRequest(reader, 7));
  expect(read).toHaveLength(24_000);
  // A look comes with every 65th element.
  expect(turns.turns).toBeGreaterThanOrEqual(Math.floor(24_000 / 65 / 5));
});

test('elements count once, however many slices they take', () => {
  const frame = encodeRequest({ apiKey: 11, apiVersion: 7, correlationId: 1 }, (writer) =>
    writeJoinGroupRequest(writer, 7, {
      groupId: 'g',
      sessionTimeoutMs: 1,
      memberId: '',
      protocolType: 'consumer',
      protocols: Array.from({ length: 49_000 }, () => ({ name: 'p', metadata: Buffer.alloc(0) })),
    }),
  ).subarray(4);
  const { body } = RequestEnvelope.read(frame);
  const turns = new Turns(1);
  let slices = 0;
  while (body?.inSlices(turns.next(), () => readJoinGroupRequest(body, 7)) === undefined) slices += 1;
  expect(slices).toBeGreaterThan(300);
});

test('what is malformed is so in whatever slice it lies', () => {
  const writer = new KafkaWriter();
  writer.array(Array.from({ length: 1_000 }), false, () => writer.string('x', false));
  const bytes = writer.finish();
  bytes[bytes.length - 2] = 9;
  const reader = new KafkaReader(bytes);
  const read = () => {
    const turns = new Turns(1);
    for (;;)
      if (reader.inSlices(turns.next(), () => reader.array(false, 1, () => reader.string(false)))) return;
  };
  expect(read).toThrow(expect.objectContaining({ code: 'malformed' }));
});

test('an answer is written in slices as it is written at once, records by reference included', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const random = new Random(seed);
    const partition = (partitionIndex: number) => ({
      partitionIndex,
      errorCode: 0,
      highWatermark: 1,
      // Below the size from which they are referenced, and above it.
      records: Buffer.alloc(random.below(4) * 1_000, seed),
      abortedTransactions: Array.from({ length: random.below(80) }, (_, n) => ({
        producerId: n,
        firstOffset: n,
      })),
      ...(random.below(3) === 0 ? { divergingEpoch: { epoch: 1, endOffset: 2 } } : {}),
    });
    const responses = Array.from({ length: random.below(20) }, (_, n) => ({
      topic: `t${n}`,
      partitions: Array.from({ length: random.below(50) }, (__, index) => partition(index)),
    }));
    const write = (writer: KafkaWriter) => writeFetchResponse(writer, 12, { responses });
    const whole = Buffer.concat(ResponseEncoder.encode(7, 1, write));
    const encoder = new ResponseEncoder(7, 1, write);
    const turns = new Turns(1 + random.below(3));
    let chunks: Buffer[] | undefined;
    while (chunks === undefined) {
      chunks = encoder.next(turns.next());
      // Others are written in between.
      const other = Buffer.concat(ResponseEncoder.encode(2, 0, () => undefined)).toString('hex');
      if (other !== '0000000400000002') throw new RangeError(other);
    }
    expect(Buffer.concat(chunks).equals(whole)).toBe(true);
  }
});
