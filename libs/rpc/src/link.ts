// Link: a duplex stream of frames as a port, so that what speaks over it also runs in a simulated network. The two
// adapters put it on a gRPC stream.

import { BrokerError } from '@robustmq/errors';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import { fromServiceError, toServiceError } from './status.ts';

/** What one end hears of its link. */
export interface LinkListener<Received> {
  onFrame(frame: Received): void;
  /** The link is over, by the peer's wish (no error) or broken; told once, and never after this end gave it up. */
  onOver(error: BrokerError | undefined): void;
}

/** One end of a link. Frames arrive in the order sent and none is missing, until it is over. */
export interface Link<Sent, Received> {
  /** Who hears of it; set once, in the turn in which the link came into being. */
  listen(listener: LinkListener<Received>): void;
  /** @param taken called once the frame has left this process, or never will: its memory is free. */
  send(frame: Sent, taken?: () => void): void;
  /** Nothing more is sent; the peer hears that behind the last frame. */
  end(): void;
  /** Gives the link up at once. A server's client is told the error. */
  cancel(error?: BrokerError): void;
}

/** Who hears of one end, and no more once it is over. */
class Hearing<Received> {
  listener: LinkListener<Received> | undefined;

  over(error: BrokerError | undefined): void {
    const told = this.listener;
    this.listener = undefined;
    told?.onOver(error);
  }
}

/** The two ends of a gRPC stream. */
export const Link = {
  /** The end of a link that called. */
  ofClient<Sent, Received>(stream: ClientDuplexStream<Sent, Received>): Link<Sent, Received> {
    const hearing = new Hearing<Received>();
    stream.on('data', (frame: Received) => hearing.listener?.onFrame(frame));
    stream.on('error', (error: unknown) => hearing.over(fromServiceError(error)));
    stream.on('end', () => hearing.over(undefined));
    return {
      listen: (next) => {
        hearing.listener = next;
      },
      send: (frame, taken) => void (taken === undefined ? stream.write(frame) : stream.write(frame, taken)),
      end: () => stream.end(),
      cancel: () => {
        hearing.listener = undefined;
        stream.cancel();
      },
    };
  },

  /** The end of a link that was called. */
  ofServer<Received, Sent>(stream: ServerDuplexStream<Received, Sent>): Link<Sent, Received> {
    const hearing = new Hearing<Received>();
    stream.on('data', (frame: Received) => hearing.listener?.onFrame(frame));
    stream.on('error', (error: unknown) => hearing.over(BrokerError.from(error)));
    stream.on('cancelled', () => hearing.over(new BrokerError('cancelled', 'the client gave the stream up')));
    stream.on('end', () => {
      hearing.over(undefined);
      stream.end();
    });
    return {
      listen: (next) => {
        hearing.listener = next;
      },
      send: (frame, taken) => void (taken === undefined ? stream.write(frame) : stream.write(frame, taken)),
      end: () => {
        hearing.listener = undefined;
        stream.end();
      },
      cancel: (error) => {
        hearing.listener = undefined;
        if (error === undefined) stream.end();
        else stream.emit('error', toServiceError(error));
      },
    };
  },
} as const;
