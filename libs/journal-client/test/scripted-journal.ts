// A journal-server that does only what a test tells it: keeps the frames that arrive and sends the answers it is given.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AppendOutcomeSchema,
  ExchangeResponseSchema,
  JournalService,
  RpcServer,
  type AppendSection,
  type ExchangeRequest,
  type ExchangeResponse,
} from '@robustmq/rpc';
import { batchHeader, RecordCursor } from '@robustmq/record-batch';
import { CREDENTIALS } from './credentials.ts';

export { until } from '@robustmq/testkit';

type Frame = MessageInitShape<typeof ExchangeResponseSchema>['frame'];
type OutcomeInit = Exclude<MessageInitShape<typeof AppendOutcomeSchema>, { $typeName: unknown }>;

/** An append section as it arrived, with its batch. */
export interface ReceivedSection {
  readonly section: AppendSection;
  readonly values: string[];
  readonly baseSequence: number;
  readonly producerId: number;
}

interface Stream {
  write(response: ExchangeResponse): void;
  end(): void;
  on(event: 'data', listener: (request: ExchangeRequest) => void): void;
  on(event: 'end' | 'error' | 'cancelled', listener: () => void): void;
}

/** The server. `appends` and `frames` are those of the current stream. */
export class ScriptedJournal {
  streams = 0;
  readonly frames: ExchangeRequest['frame'][] = [];
  readonly appends: ReceivedSection[] = [];
  /** Called for each append section; answers what to send back, or nothing. */
  onAppend: ((received: ReceivedSection) => OutcomeInit | undefined) | undefined;
  readonly #rpc = new RpcServer({ credentials: CREDENTIALS, onUnexpected: () => undefined });
  #stream: Stream | undefined;
  address = '';

  /** The frames of one kind. */
  framesOf<C extends string>(kind: C) {
    return this.frames.filter((frame) => frame.case === kind);
  }

  async start(port = 0): Promise<void> {
    const refuse = (): never => {
      throw new Error('not scripted');
    };
    this.#rpc.add(JournalService, {
      exchange: (stream) => this.#accept(stream as unknown as Stream),
      listOffsets: refuse,
      endOffsetsForEpochs: refuse,
      describeShards: () => ({ shards: [] }),
      deleteRecords: refuse,
    });
    this.address = `127.0.0.1:${await this.#rpc.listen('127.0.0.1', port, 'test')}`;
  }

  send(frame: Frame): void {
    this.#stream!.write(create(ExchangeResponseSchema, { frame }));
  }

  answer(received: ReceivedSection, outcome: OutcomeInit = {}): void {
    this.send({ case: 'append', value: { outcomes: [outcomeOf(received, outcome)] } });
  }

  /** Ends the current stream; the client comes back. */
  breakStream(): void {
    this.appends.length = 0;
    this.frames.length = 0;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.end();
  }

  close(): Promise<void> {
    return this.#rpc.close(1);
  }

  #accept(stream: Stream): void {
    this.#stream = stream;
    this.streams++;
    stream.on('data', (request) => this.#receive(request));
    stream.on('error', () => undefined);
    stream.on('end', () => stream.end());
  }

  #receive({ frame }: ExchangeRequest): void {
    if (frame.case === 'hello') {
      this.send({ case: 'hello', value: { appendCreditBytes: 1_000_000n, maxBatchBytes: 1_000_000 } });
      return;
    }
    this.frames.push(frame);
    if (frame.case !== 'append') return;
    let at = 0;
    for (const section of frame.value.sections) {
      const bytes = Buffer.from(frame.value.batches.subarray(at, at + section.sizeBytes));
      at += section.sizeBytes;
      const received = {
        section,
        values: valuesOf(bytes),
        baseSequence: batchHeader.baseSequence(bytes, 0),
        producerId: batchHeader.producerId(bytes, 0),
      };
      this.appends.push(received);
      const outcome = this.onAppend?.(received);
      if (outcome !== undefined) this.answer(received, outcome);
    }
  }
}

/** A protobuf outcome for a section. */
export function outcomeOf(received: ReceivedSection, outcome: OutcomeInit = {}) {
  return create(AppendOutcomeSchema, {
    baseOffset: BigInt(received.baseSequence),
    ...outcome,
    correlation: received.section.correlation,
  });
}

function valuesOf(bytes: Buffer): string[] {
  const cursor = new RecordCursor().reset(bytes, 0);
  const values: string[] = [];
  while (cursor.next()) values.push(String(cursor.value));
  return values;
}
