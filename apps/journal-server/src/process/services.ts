// The gRPC services over whichever journal serves: streams and calls that come between two incarnations wait for the next one.

import { JournalService, Link, type ServiceHost } from '@robustmq/rpc';
import type { Journal } from '../journal.ts';
import { JournalCalls } from './calls.ts';

/** The journal that serves, and who waits for one. */
export class CurrentJournal {
  #journal: Journal | undefined;
  #next = Promise.withResolvers<Journal>();

  get journal(): Journal | undefined {
    return this.#journal;
  }

  /** The journal that serves, or the next that does. */
  whenServing(): Promise<Journal> {
    return this.#journal === undefined ? this.#next.promise : Promise.resolve(this.#journal);
  }

  /** An incarnation begins. */
  serve(journal: Journal): void {
    this.#journal = journal;
    this.#next.resolve(journal);
  }

  /** It is over; who comes now waits for the next. */
  rest(): void {
    if (this.#journal === undefined) return;
    this.#journal = undefined;
    this.#next = Promise.withResolvers<Journal>();
  }
}

/** Registers the services of a process whose journal may not serve yet. */
export function addServices(rpc: ServiceHost, current: CurrentJournal): void {
  const calls = async (): Promise<JournalCalls> => new JournalCalls(await current.whenServing());
  rpc.add(JournalService, {
    exchange: (stream) => {
      const { journal } = current;
      if (journal !== undefined) journal.accept(Link.ofServer(stream));
      else
        void current.whenServing().then((next) => {
          // Given up meanwhile: nobody would ever tell its end.
          if (!stream.cancelled) next.accept(Link.ofServer(stream));
        });
    },
    listOffsets: async (request) => (await calls()).listOffsets(request),
    endOffsetsForEpochs: async (request) => (await calls()).endOffsetsForEpochs(request),
    describeShards: async (request) => (await calls()).describeShards(request),
    deleteRecords: async (request) => (await calls()).deleteRecords(request),
  });
}
