// All fetches of one stream: how many there may be, and their answers, which wait for credit, one frame at a time.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { CALL_LIMITS, FetchOutcomeSchema, toFailure, type FetchFrame } from '@robustmq/rpc';
import { Fetch, type FetchHost } from './fetch.ts';
import { cutIntoFrames, type FetchAnswerFrame } from './fetch-frames.ts';
import { EMPTY } from './fetch-section.ts';

/** Fetches of one stream that are read or wait at a time: a gateway has one per consumer connection. */
const MAX_FETCHES = 20_000;

/** All fetches of one stream instance. */
export class StreamFetches {
  readonly #host: FetchHost;
  readonly #active = new Map<number, Fetch>();
  readonly #unsent: FetchAnswerFrame[] = [];
  #closed = false;

  constructor(host: FetchHost) {
    this.#host = host;
  }

  /** @throws BrokerError `too_large`, which ends the stream: a refusal of that many sections would cost as much as their answer. */
  start(frame: FetchFrame): void {
    if (frame.sections.length > CALL_LIMITS.fetchSections)
      throw new BrokerError('too_large', `a fetch has at most ${CALL_LIMITS.fetchSections} sections`);
    const requestId = Number(frame.requestId);
    if (this.#active.size >= MAX_FETCHES || this.#active.has(requestId)) {
      this.#refuse(frame, new BrokerError('quota_exceeded', 'too many fetches on this stream'));
      return;
    }
    const fetch = new Fetch(frame, this.#host, (frames) => {
      this.#active.delete(requestId);
      if (this.#closed) return;
      for (const each of frames) this.#unsent.push(each);
      this.creditReturned();
    });
    this.#active.set(requestId, fetch);
    fetch.begin();
  }

  /** Answers at once with what there is. */
  cancel(requestId: number): void {
    this.#active.get(requestId)?.finish();
  }

  /** Sends answers that waited for credit. */
  creditReturned(): void {
    while (this.#unsent.length > 0 && (this.#host.streamCredit() > 0 || this.#unsent[0]!.bytes === 0)) {
      const { frame, bytes } = this.#unsent.shift()!;
      this.#host.spend(bytes);
      this.#host.send(frame, () => this.#host.answers.release(bytes));
    }
  }

  close(): void {
    this.#closed = true;
    for (const fetch of this.#active.values()) fetch.abandon();
    this.#active.clear();
    this.#unsent.length = 0;
  }

  #refuse(frame: FetchFrame, error: BrokerError): void {
    const failure = toFailure(error);
    const sections = frame.sections.map(({ streamId, shard }) => ({
      bytes: EMPTY,
      outcome: () => create(FetchOutcomeSchema, { streamId, shard, failure }),
    }));
    for (const each of cutIntoFrames(frame.requestId, sections)) this.#host.send(each.frame);
  }
}
