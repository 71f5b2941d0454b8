import { EventEmitter } from 'node:events';

import { BrokerError } from '@robustmq/errors';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import { Link } from '../src/link.ts';

/** What a link does with a gRPC stream: an emitter that notes the calls. */
class StreamDouble extends EventEmitter {
  readonly calls: string[] = [];
  taken: (() => void) | undefined;
  write(frame: number, taken?: () => void): boolean {
    this.calls.push(`write ${frame}`);
    this.taken = taken;
    return true;
  }
  end(): void {
    this.calls.push('end');
  }
  cancel(): void {
    this.calls.push('cancel');
  }
}

function heard(link: Link<number, number>): string[] {
  const seen: string[] = [];
  link.listen({
    onFrame: (frame) => seen.push(`frame ${frame}`),
    onOver: (error) => seen.push(`over ${error?.code ?? 'ended'}`),
  });
  return seen;
}

const client = (stream: StreamDouble): Link<number, number> =>
  Link.ofClient(stream as unknown as ClientDuplexStream<number, number>);
const server = (stream: StreamDouble): Link<number, number> =>
  Link.ofServer(stream as unknown as ServerDuplexStream<number, number>);

describe('an end that called', () => {
  test('tells frames, and once that it is over', () => {
    const stream = new StreamDouble();
    const seen = heard(client(stream));
    stream.emit('data', 1);
    stream.emit('error', new BrokerError('fenced', 'gone'));
    stream.emit('end');
    stream.emit('data', 2);
    expect(seen).toEqual(['frame 1', 'over fenced']);
  });

  test('hears when a frame has been taken', () => {
    const stream = new StreamDouble();
    let taken = 0;
    client(stream).send(7, () => taken++);
    expect(taken).toBe(0);
    stream.taken?.();
    expect(taken).toBe(1);
  });

  test('hears nothing after it gave up', () => {
    const stream = new StreamDouble();
    const link = client(stream);
    const seen = heard(link);
    link.send(7);
    link.cancel();
    stream.emit('error', new BrokerError('cancelled', 'as grpc-js tells a cancel'));
    expect([seen, stream.calls]).toEqual([[], ['write 7', 'cancel']]);
  });
});

describe('an end that was called', () => {
  test.each([
    ['the client ended', 'end', undefined, 'over ended'],
    ['the client gave up', 'cancelled', undefined, 'over cancelled'],
    ['the connection broke', 'error', new BrokerError('unavailable', 'reset'), 'over unavailable'],
  ])('is over once: %s', (_name, event, argument, expected) => {
    const stream = new StreamDouble();
    const seen = heard(server(stream));
    stream.emit(event, argument);
    stream.emit('cancelled');
    expect(seen).toEqual([expected]);
    expect(stream.calls).toEqual(event === 'end' ? ['end'] : []);
  });

  test('tells its client why it gives up', () => {
    const stream = new StreamDouble();
    const link = server(stream);
    const seen = heard(link);
    const told: unknown[] = [];
    stream.on('error', (error) => told.push(error));
    link.cancel(new BrokerError('fenced', 'the lease has ended'));
    expect(told).toEqual([expect.objectContaining({ details: 'the lease has ended' })]);
    expect(seen).toEqual([]);
  });
});
