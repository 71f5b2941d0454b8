// One journal-server as a gateway sees it: its link, and what goes over it in both directions.

import type { BrokerError } from '@robustmq/errors';
import type { ExchangeResponse, HelloResult, TailFrame } from '@robustmq/rpc';
import type { Timers } from '@robustmq/runtime';
import { AppendSender } from './append-sender.ts';
import { LinkBacklogs } from './backlogs.ts';
import { LinkCredit } from './credit.ts';
import type { Fetches } from './fetches.ts';
import { JournalLink, type LinkOptions } from './link.ts';
import type { TailPositions } from './tail-positions.ts';
import type { SectionCredit } from './tail-section.ts';
import { LinkTail } from './link-tail.ts';
import type { TailBatches } from './types.ts';

/** What a peer needs around it. */
export interface PeerHost {
  readonly timers: Timers;
  readonly now: () => number;
  readonly positions: TailPositions;
  readonly fetches: Fetches;
  revision(): number;
  readonly tickMs: number;
  readonly streamCreditBytes: number;
  readonly shardCreditBytes: number;
  /** Takes tail sections; undefined for a gateway that follows no tail. */
  readonly onTail: ((batches: TailBatches, nodeId: string) => void) | undefined;
  /** Hello was answered. */
  opened(peer: JournalPeer): void;
  /** The error that those hear who wait for answers of an instance that ended with `error`. */
  away(error: BrokerError): BrokerError;
  /** The instance is gone, and all who waited for its answers have been told. */
  broken(peer: JournalPeer, error: BrokerError): void;
}

const NO_CREDIT: SectionCredit = { taken: () => undefined };

/** A journal-server and everything under way with it. */
export class JournalPeer {
  readonly link: JournalLink;
  readonly sender: AppendSender;
  readonly tail: LinkTail;
  readonly backlogs: LinkBacklogs;
  readonly #credit: LinkCredit;
  readonly #host: PeerHost;
  /** Of the present instance of the stream. */
  #sectionCredit = NO_CREDIT;

  constructor(host: PeerHost, link: Omit<LinkOptions, 'listener' | 'timers'>) {
    this.#host = host;
    this.link = new JournalLink({
      ...link,
      timers: host.timers,
      listener: {
        onOpen: (_link, hello) => this.#opened(hello),
        onBroken: (_link, error) => this.#broken(error),
        onFrame: (_link, frame) => this.#frame(frame),
      },
    });
    this.sender = new AppendSender(this.link, host.tickMs, host.now, host.timers);
    this.tail = new LinkTail(this.link, this.sender, host.positions, () => host.revision());
    this.backlogs = new LinkBacklogs(this.link, host.timers);
    this.#credit = new LinkCredit(this.link, Math.min(host.streamCreditBytes, host.shardCreditBytes) / 4);
  }

  #opened(hello: HelloResult): void {
    this.sender.creditBytes = Number(hello.appendCreditBytes);
    this.#credit.reset();
    // What was sent on an instance that is gone is not given back to this one.
    const { instance } = this.link;
    this.#sectionCredit = {
      taken: (shard, sizeBytes) => {
        if (this.link.instance === instance) this.#credit.consumedOf(shard, sizeBytes);
      },
    };
    this.#host.opened(this);
  }

  #broken(error: BrokerError): void {
    const away = this.#host.away(error);
    this.sender.broken(away);
    this.tail.broken(away);
    this.backlogs.broken(away);
    this.#host.fetches.broken(this.link, away);
    this.#host.broken(this, error);
  }

  #frame(frame: ExchangeResponse['frame']): void {
    switch (frame.case) {
      case 'append':
        this.sender.handle(frame.value.outcomes);
        return;
      case 'tail':
        this.#tailFrame(frame.value);
        return;
      case 'fetch':
        this.#host.fetches.receive(frame.value);
        this.#credit.consumed(frame.value.batches.length);
        return;
      case 'filters':
        this.tail.answered(frame.value);
        return;
      case 'backlog':
        this.backlogs.receive(frame.value);
        this.#credit.consumed(frame.value.batches.length);
        return;
      default:
        // `go_away` needs nothing yet: the journal ends the stream when it is done, and the link comes back.
        return;
    }
  }

  #tailFrame(frame: TailFrame): void {
    this.sender.handle(frame.outcomes);
    const { onTail } = this.#host;
    if (onTail === undefined) return;
    this.tail.receive(frame, this.#sectionCredit, (batches) => onTail(batches, this.link.nodeId));
  }
}
