// An idempotent Kafka producer of a simulated world: five batches in flight, after an error all of them again in order, the
// same numbers as before (KIP-98). It makes its stream, deletes it now and then, and goes on with the next of that name.

import { RecordBatchBuilder } from '@robustmq/record-batch';
import { BrokerError } from '@robustmq/errors';
import { invariant, type Life } from '@robustmq/testkit';
import { toNumber } from '@robustmq/meta-client';
import type { KafkaAccess } from './kafka-process.ts';

const MAX_IN_FLIGHT = 5;
const TIMEOUT_MS = 2_000;
const TENANT = 'default';

interface Batch {
  readonly bytes: Buffer;
  readonly values: readonly string[];
}

/** One stream of the producer's name, from creation to deletion. */
export interface Incarnation {
  readonly streamId: number;
  /** Offset to value, as acknowledged. */
  readonly acknowledged: Map<number, string>;
  /** Values in the order in which they were sent. */
  readonly sent: string[];
  isDeleted: boolean;
}

/** See the file head. */
export class KafkaProducer {
  readonly name: string;
  readonly incarnations: Incarnation[] = [];
  readonly #life: Life;
  readonly #config: Readonly<Record<string, string>>;
  #access: KafkaAccess | undefined;
  #producerId = -1;
  #sequence = 0;
  #unanswered: Batch[] = [];
  #outstanding = 0;
  #isHeld = false;
  #isBusy = false;
  isStopped = false;
  /** When a stream of this name was last told to be deleted, and when that was told to be done. */
  deletionAskedAtMs = -Infinity;
  deletedAtMs = -Infinity;

  constructor(life: Life, name: string, config: Readonly<Record<string, string>> = {}) {
    this.#life = life;
    this.name = name;
    this.#config = config;
    this.#tickLater();
  }

  /** Another incarnation of the gateway serves. */
  serveBy(access: KafkaAccess): void {
    this.#access = access;
    this.#isBusy = false;
    this.#outstanding = 0;
    this.#isHeld = this.#unanswered.length > 0;
  }

  get isDone(): boolean {
    return this.#unanswered.length === 0 && !this.#isBusy;
  }

  get current(): Incarnation | undefined {
    const last = this.incarnations.at(-1);
    return last === undefined || last.isDeleted ? undefined : last;
  }

  #tickLater(): void {
    this.#life.clock.after(this.#life.random.between(5, 80), () => {
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    const access = this.#access;
    if (access?.isOpen !== true || this.#isBusy) return;
    if (this.#isHeld) {
      if (this.#outstanding === 0) this.#sendAgain(access);
    } else if (this.current === undefined) {
      if (!this.isStopped) this.#run(access, () => this.#create(access));
    } else if (!this.isStopped && this.#unanswered.length < MAX_IN_FLIGHT)
      this.#produce(access, this.current);
  }

  /** Deletes the stream, as an operator does. */
  delete(): void {
    const access = this.#access;
    if (access?.isOpen !== true || this.#isBusy || this.current === undefined) return;
    this.#run(access, () => this.#delete(access));
  }

  /** One command at a time; what becomes of one whose gateway died is found out by the next. */
  #run(access: KafkaAccess, work: () => Promise<void>): void {
    this.#isBusy = true;
    const done = (): void => {
      if (access === this.#access) this.#isBusy = false;
    };
    work().then(done, (thrown: unknown) => {
      if (!(thrown instanceof BrokerError)) throw thrown;
      done();
    });
  }

  async #create(access: KafkaAccess): Promise<void> {
    const { meta } = access;
    if (this.#producerId < 0) {
      const request = { requestId: meta.requestId(), count: 1 };
      this.#producerId = toNumber((await meta.persist(() => meta.cluster.allocateProducerIds(request))).base);
    }
    let streamId = meta.view.streamByName(TENANT, this.name)?.streamId;
    if (streamId === undefined || this.incarnations.some((each) => each.streamId === streamId)) {
      const { name } = this;
      const request = {
        requestId: meta.requestId(),
        tenant: TENANT,
        name,
        shards: 1,
        config: { ...this.#config },
      };
      const { stream } = await meta.persist(() => meta.cluster.createStream(request));
      streamId = stream!.streamId;
    }
    const known = this.incarnations.find((each) => each.streamId === streamId);
    invariant(known?.isDeleted !== true, `N2: stream ${streamId} is there again after its deletion`);
    if (known !== undefined) return;
    this.incarnations.push({ streamId, acknowledged: new Map(), sent: [], isDeleted: false });
    this.#sequence = 0;
    this.#unanswered = [];
    this.#isHeld = false;
    this.#outstanding = 0;
  }

  async #delete({ meta }: KafkaAccess): Promise<void> {
    const { name, current } = this;
    const { streamId } = current!;
    this.deletionAskedAtMs = this.#life.clock.monotonicMs();
    const request = { requestId: meta.requestId(), tenant: TENANT, name, streamId };
    try {
      await meta.persist(() => meta.cluster.deleteStream(request));
    } catch (thrown) {
      // It was deleted by a request whose answer was lost.
      if (!(thrown instanceof BrokerError) || thrown.code !== 'not_found') throw thrown;
    }
    this.#forget(current!);
  }

  #forget(incarnation: Incarnation): void {
    incarnation.isDeleted = true;
    this.deletedAtMs = this.#life.clock.monotonicMs();
    this.#unanswered = [];
    this.#isHeld = false;
  }

  #produce(access: KafkaAccess, incarnation: Incarnation): void {
    const builder = new RecordBatchBuilder();
    const count = this.#life.random.between(1, 3);
    const values = Array.from({ length: count }, (_, index) => {
      const number = incarnation.sent.length + 1 + index;
      return `${this.name}@${incarnation.streamId}:${number}#1`;
    });
    for (const value of values) builder.append(this.#life.clock.nowMs(), null, Buffer.from(value));
    const bytes = builder.finishCopy({
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: this.#sequence,
    });
    this.#sequence += count;
    incarnation.sent.push(...values);
    const batch = { bytes, values };
    this.#unanswered.push(batch);
    this.#send(access, incarnation, batch);
  }

  #sendAgain(access: KafkaAccess): void {
    this.#isHeld = false;
    const { current } = this;
    if (current === undefined) return;
    for (const batch of [...this.#unanswered]) this.#send(access, current, batch);
  }

  #send(access: KafkaAccess, incarnation: Incarnation, batch: Batch): void {
    this.#outstanding++;
    const { streamId } = incarnation;
    const request = { streamId, shard: 0, batch: Buffer.from(batch.bytes), acks: -1, timeoutMs: TIMEOUT_MS };
    access.journal.produce(request, (error, outcome) => {
      if (access !== this.#access || incarnation !== this.current) return;
      this.#outstanding--;
      if (error !== undefined) this.#failed(error, incarnation);
      else this.#acknowledged(incarnation, batch, outcome!.baseOffset);
    });
  }

  #failed(error: BrokerError, incarnation: Incarnation): void {
    const isExpected = EXPECTED.has(error.code);
    invariant(isExpected, `${this.name} was refused: ${error.code}: ${error.message}`);
    // A deletion whose answer was lost: a gateway that knows of it has no leader for the stream any more.
    const isGone = this.#access?.meta.view.streams.has(incarnation.streamId) !== true;
    const mayBeGone = error.code === 'not_found' || (error.code === 'not_leader' && isGone);
    if (mayBeGone && this.deletionAskedAtMs > -Infinity && !this.#isBusy) {
      this.#forget(incarnation);
      return;
    }
    this.#isHeld = true;
  }

  #acknowledged(incarnation: Incarnation, batch: Batch, baseOffset: number): void {
    const index = this.#unanswered.indexOf(batch);
    if (index < 0) return;
    invariant(index === 0 || this.#isHeld, 'I3: answers come in order');
    this.#unanswered.splice(index, 1);
    batch.values.forEach((value, at) => {
      const known = incarnation.acknowledged.get(baseOffset + at);
      invariant(
        known === undefined || known === value,
        `I2: ${value} and ${known} are both at ${baseOffset + at}`,
      );
      incarnation.acknowledged.set(baseOffset + at, value);
    });
  }
}

const EXPECTED: ReadonlySet<string> = new Set([
  'not_leader',
  'unavailable',
  'cancelled',
  'deadline_exceeded',
  'not_found',
  'out_of_order',
  'stale_epoch',
  'unknown_epoch',
  'fenced',
]);
