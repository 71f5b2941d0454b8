// Tails and filters of a client on a scripted journal: what is believed of a section, and where a tail resumes (I6, N5, N7).

import type { BrokerError } from '@robustmq/errors';
import { batchHeader } from '@robustmq/record-batch';
import { TailKind } from '@robustmq/rpc';
import type { FilterAnswer, JournalClient, TailBatches } from '../src/index.ts';
import { batch, connect, connected, type TestDirectory } from './connected.ts';
import { outcomeOf, ScriptedJournal, until } from './scripted-journal.ts';

let journal: ScriptedJournal;
let directory: TestDirectory;
let client: JournalClient;
let tails: TailBatches[];

beforeEach(async () => {
  ({ journal, directory, client, tails } = await connected());
});

afterEach(async () => {
  client.close();
  await journal.close();
});

describe('tail and filters', () => {
  function answerFilters(more: object = {}): void {
    const frame = journal.framesOf('filters').at(-1)!;
    const { requestId } = frame.value as { requestId: bigint };
    journal.send({ case: 'filters', value: { requestId, ...more } });
  }

  test('the callback hears where filters are active; many filters travel in slices', async () => {
    await until(() => journal.framesOf('filters').length === 1, 'the first frame of a stream');
    const add = Array.from({ length: 2000 }, (_, filterId) => ({
      filterId,
      tenant: 't',
      filter: `some/long/filter/${filterId}/#`.padEnd(60, 'x'),
    }));
    const answers: FilterAnswer[] = [];
    client.changeFilters({ add }, (_error, answer) => answers.push(answer));
    await until(
      () =>
        journal.framesOf('filters').flatMap((frame) => (frame.value as { add: unknown[] }).add).length ===
        2000,
      'slices',
    );
    expect(journal.framesOf('filters').length).toBeGreaterThan(2);
    answerFilters({ activeFrom: [{ streamId: 1, shard: 0, leaderEpoch: 2, offset: 10n }] });
    await until(() => answers.length === 1, 'answer');
    expect(answers[0]!.activeFrom).toEqual([{ streamId: 1, shard: 0, leaderEpoch: 2, offset: 10 }]);
  });

  test('marks', async () => {
    const answers: FilterAnswer[] = [];
    client.marksFor([{ tenant: 't', filter: 'a' }], (_error, answer) => answers.push(answer));
    await until(() => journal.framesOf('filters').length === 2, 'question');
    answerFilters({ marks: [{ streamId: 1, shard: 0, highWatermark: 77n }] });
    await until(() => answers.length === 1, 'answer');
    expect(answers[0]!.marks[0]).toMatchObject({ streamId: 1, highWatermark: 77 });
  });

  test('after a reconnect filters are registered again and tails resume where they stopped', async () => {
    client.changeFilters(
      {
        add: [
          { filterId: 1, tenant: 't', filter: 'a' },
          { filterId: 2, tenant: 't', filter: 'b' },
        ],
      },
      () => undefined,
    );
    client.changeFilters({ remove: [2] }, () => undefined);
    await until(() => journal.framesOf('filters').length === 3, 'filters');
    journal.send({
      case: 'tail',
      value: {
        sections: [
          { streamId: 1, shard: 0, leaderEpoch: 5, kind: TailKind.SKIPPED, fromOffset: 0n, nextOffset: 12n },
        ],
      },
    });
    await until(() => tails.length === 1, 'tail');
    const failures: BrokerError[] = [];
    client.marksFor([{ tenant: 't', filter: 'a' }], (error) => failures.push(error!));
    journal.breakStream();
    await until(() => journal.framesOf('filters').length === 1, 'first frame of the next stream');
    expect(journal.framesOf('filters')[0]!.value).toMatchObject({
      add: [{ filterId: 1, tenant: 't', filter: 'a' }],
      resume: [{ streamId: 1, shard: 0, leaderEpoch: 5, offset: 12n }],
    });
    expect(failures[0]!.code).toBe('unavailable');
  });

  test('elided batches come back from memory, stamped; data is cut by section', async () => {
    const appender = client.appender<string>({ onOutcome: () => undefined, onUnblocked: () => undefined });
    appender.queue(1, 0).append(1, 'k', Buffer.from('own'), [], 'token');
    await until(() => journal.appends.length === 1, 'append');
    const own = journal.appends[0]!;
    const foreign = batch('foreign');
    journal.send({
      case: 'tail',
      value: {
        outcomes: [outcomeOf(own, { baseOffset: 30n })],
        sections: [
          {
            streamId: 2,
            shard: 0,
            kind: TailKind.BATCHES,
            fromOffset: 1n,
            nextOffset: 2n,
            sizeBytes: foreign.length,
          },
          {
            streamId: 1,
            shard: 0,
            kind: TailKind.ELIDED,
            fromOffset: 30n,
            nextOffset: 31n,
            leaderEpoch: 4,
            correlation: own.section.correlation,
          },
        ],
        batches: foreign,
      },
    });
    await until(() => tails.length === 2, 'tail');
    expect(tails[0]).toMatchObject({ kind: 'batches', fromOffset: 1, nextOffset: 2 });
    expect(tails[0]!.batches.equals(foreign)).toBe(true);
    expect(tails[1]!.kind).toBe('elided');
    expect(batchHeader.baseOffset(tails[1]!.batches, 0)).toBe(30);
  });

  test('a journal that elides what we do not have is given up, and the tail resumes', async () => {
    journal.send({
      case: 'tail',
      value: {
        sections: [
          { streamId: 1, shard: 0, kind: TailKind.ELIDED, fromOffset: 3n, nextOffset: 4n, correlation: 99n },
        ],
      },
    });
    await until(() => journal.streams === 2, 'a new stream');
    expect(tails).toEqual([]);
  });

  test('consumed bytes are given back', async () => {
    const data = batch('x'.repeat(1500));
    journal.send({
      case: 'tail',
      value: {
        sections: [
          {
            streamId: 1,
            shard: 0,
            kind: TailKind.BATCHES,
            fromOffset: 0n,
            nextOffset: 1n,
            sizeBytes: data.length,
          },
        ],
        batches: data,
      },
    });
    await until(() => journal.framesOf('credit').length === 1, 'credit');
    expect(journal.framesOf('credit')[0]!.value).toMatchObject({
      streamBytes: BigInt(data.length),
      shards: [{ streamId: 1, shard: 0, bytes: BigInt(data.length) }],
    });
  });

  test('without any journal questions fail', async () => {
    directory.nodes = [];
    directory.changed();
    const codes: string[] = [];
    client.changeFilters({ add: [] }, (error) => codes.push(error?.code ?? ''));
    await until(() => codes.length === 1, 'failure');
    expect(codes).toEqual(['unavailable']);
    expect(client.callsOf(1, 0)).toBeUndefined();
  });
});

test('a leader that moves takes the tail along', async () => {
  const other = new ScriptedJournal();
  await other.start();
  directory.nodes = [...directory.nodes, { nodeId: 'journal-2', address: other.address }];
  directory.changed();
  await until(() => other.frames.some((frame) => frame.case === 'filters'), 'second connection');
  journal.send({
    case: 'tail',
    value: { sections: [{ streamId: 1, shard: 0, kind: TailKind.SKIPPED, fromOffset: 0n, nextOffset: 8n }] },
  });
  await until(() => tails.length === 1, 'tail');
  directory.changed();
  directory.leaders.set(1, 'journal-2');
  directory.changed();
  await until(() => other.frames.filter((frame) => frame.case === 'filters').length === 2, 'resume');
  expect(other.frames.at(-1)!.value).toMatchObject({ resume: [{ streamId: 1, offset: 8n }] });
  await other.close();
});

describe('what a tail may say (I6, N5, N7)', () => {
  const section = (fromOffset: number, nextOffset: number, more: object = {}) => ({
    streamId: 1,
    shard: 0,
    leaderEpoch: 2,
    kind: TailKind.SKIPPED,
    fromOffset: BigInt(fromOffset),
    nextOffset: BigInt(nextOffset),
    ...more,
  });
  const send = (...sections: object[]): void => journal.send({ case: 'tail', value: { sections: sections } });
  const ranges = (): string[] => tails.map((each) => `[${each.fromOffset},${each.nextOffset})`);
  const resumes = () =>
    journal.framesOf('filters').flatMap((frame) => (frame.value as { resume: { offset: bigint }[] }).resume);

  test('N5: a section ahead of us is not taken; its leader is told our position, once until it answers', async () => {
    send(section(0, 5), section(9, 12), section(12, 14));
    await until(() => resumes().length === 1, 'our position');
    expect(resumes()[0]).toMatchObject({ streamId: 1, leaderEpoch: 2, offset: 5n });
    const { requestId } = journal.framesOf('filters').at(-1)!.value as { requestId: bigint };
    journal.send({ case: 'filters', value: { requestId } });
    send(section(5, 9), section(9, 14));
    await until(() => tails.length === 3, 'the rest');
    expect(ranges()).toEqual(['[0,5)', '[5,9)', '[9,14)']);
    // Asked again when it happens again.
    send(section(20, 21));
    await until(() => resumes().length === 2, 'our position again');
  });

  test('N5: what retention has removed is no reason to wait: the section is taken, and shows the gap', async () => {
    send(section(0, 5), section(9, 12, { logStartOffset: 9n }));
    await until(() => tails.length === 2, 'both');
    expect(ranges()).toEqual(['[0,5)', '[9,12)']);
    expect(resumes()).toEqual([]);
  });

  test('I6: a leader whose epoch has passed is not believed', async () => {
    send(section(0, 5), section(5, 7, { leaderEpoch: 1 }), section(5, 6));
    await until(() => tails.length === 2, 'both of the present leader');
    expect(ranges()).toEqual(['[0,5)', '[5,6)']);
  });

  test('N7: the credit of a section that is held returns when it is released, and to its own stream only', async () => {
    client.close();
    const held: TailBatches[] = [];
    client = connect(directory, {
      onTail(batches) {
        batches.hold();
        held.push(batches);
      },
      streamCreditBytes: 400,
      shardCreditBytes: 400,
    });
    await until(() => client.connected, 'connection');
    const bytes = batch('x'.repeat(200));
    const data = (from: number): void =>
      journal.send({
        case: 'tail',
        value: {
          sections: [section(from, from + 1, { kind: TailKind.BATCHES, sizeBytes: bytes.length })],
          batches: bytes,
        },
      });
    data(0);
    await until(() => held.length === 1, 'section');
    expect(journal.framesOf('credit')).toEqual([]);
    held[0]!.release();
    held[0]!.release();
    await until(() => journal.framesOf('credit').length === 1, 'credit');
    expect(journal.framesOf('credit')[0]!.value).toMatchObject({ streamBytes: BigInt(bytes.length) });
    data(1);
    await until(() => held.length === 2, 'second section');
    journal.breakStream();
    await until(() => client.connected && journal.framesOf('filters').length === 1, 'next stream');
    held[1]!.release();
    data(2);
    await until(() => held.length === 3, 'third section');
    held[2]!.release();
    await until(() => journal.framesOf('credit').length === 1, 'credit of the third');
    expect(journal.framesOf('credit')[0]!.value).toMatchObject({ streamBytes: BigInt(bytes.length) });
  });

  test('a moved leader is told where the tail stands also when it is the first that this tail has', async () => {
    const other = new ScriptedJournal();
    await other.start();
    directory.nodes = [...directory.nodes, { nodeId: 'journal-2', address: other.address }];
    directory.changed();
    await until(() => other.streams === 1, 'second journal');
    send(section(0, 5));
    await until(() => tails.length === 1, 'tail');
    directory.leaders.set(1, 'journal-2');
    directory.changed();
    const told = () => other.frames.flatMap((frame) => (frame.case === 'filters' ? frame.value.resume : []));
    await until(() => told().some(({ offset }) => offset === 5n), 'our position at the new leader');
    expect(client.reaches(1, 0)).toBe(true);
    await other.close();
  });
});
