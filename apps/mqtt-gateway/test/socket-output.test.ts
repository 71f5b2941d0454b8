import fc from 'fast-check';
import { CHUNK_BYTES, type OutputFlusher } from '../src/transport/output-flusher.ts';
import { SharedPages } from '../src/transport/shared-pages.ts';
import { SocketOutput, type Transport } from '../src/transport/socket-output.ts';
import { newFlusher } from './work-ports.ts';

/** A transport that takes what it is told to. */
class FakeTransport implements Transport {
  readonly writes: Buffer[] = [];
  writableLength = 0;
  isCongested = false;
  isEnded = false;
  isDestroyed = false;

  write(bytes: Buffer): void {
    // A congested transport keeps the memory, so that reuse before its time would show.
    this.writes.push(this.isCongested ? bytes : Buffer.from(bytes));
    if (this.isCongested) this.writableLength += bytes.length;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  pause(): void {}
  resume(): void {}

  get content(): Buffer {
    return Buffer.concat(this.writes);
  }
}

const make = (): { transport: FakeTransport; flusher: OutputFlusher; output: SocketOutput } => {
  const transport = new FakeTransport();
  const flusher = newFlusher();
  return { transport, flusher, output: new SocketOutput(transport, flusher) };
};

describe('SocketOutput', () => {
  test('a burst of fan-out packets that lie end to end is one write without a copy', () => {
    const { transport, flusher, output } = make();
    const page = Buffer.from('aaabbbcccdddd');
    output.share(page, 0, 3);
    output.share(page, 3, 6);
    output.share(page, 6, 9);
    expect(output.waitingBytes).toBe(9);
    flusher.flush();
    expect(transport.writes.map(String)).toEqual(['aaabbbccc']);
    expect(output.waitingBytes).toBe(0);
  });

  test('acknowledgements of a turn are one write', () => {
    const { transport, flusher, output } = make();
    for (let index = 0; index < 100; index++) output.copy(Buffer.from(`ack${index};`));
    flusher.flush();
    expect(transport.writes).toHaveLength(1);
  });

  test('output is written at the end of the turn, by itself', async () => {
    const { transport, output } = make();
    output.copy(Buffer.from('x'));
    expect(output.isDirty).toBe(true);
    expect(transport.writes).toHaveLength(0);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(transport.content.toString()).toBe('x');
    expect(output.isDirty).toBe(false);
  });

  test('any mix of copies, reservations and shared ranges leaves in order, whatever the transport takes', () => {
    const piece = fc.record({
      kind: fc.constantFrom('copy', 'share', 'reserve', 'flush', 'congest', 'drain'),
      size: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 3 * CHUNK_BYTES })),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const { transport, flusher, output } = make();
        const pages = new SharedPages();
        const expected: Buffer[] = [];
        pieces.forEach(({ kind, size }, index) => {
          const bytes = Buffer.alloc(size, index + 1);
          if (kind === 'flush') flusher.flush();
          else if (kind === 'congest') transport.isCongested = true;
          else if (kind === 'drain') {
            transport.isCongested = false;
            transport.writableLength = 0;
            output.drained();
          } else {
            expected.push(bytes);
            if (kind === 'copy') output.copy(bytes);
            else if (kind === 'share') {
              bytes.copy(pages.reserve(size), pages.position);
              const page = pages.page;
              const start = pages.advance(pages.position + size);
              output.share(page, start, start + size);
            } else {
              const buffer = output.reserve(size);
              bytes.copy(buffer, output.position);
              output.advance(output.position + size);
            }
          }
        });
        flusher.flush();
        expect(transport.content.equals(Buffer.concat(expected))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('I8: what waits behind other output keeps no memory but its own', () => {
    const { transport, flusher, output } = make();
    transport.isCongested = true;
    const page = Buffer.alloc(1 << 20);
    output.copy(Buffer.from('first'));
    flusher.flush();
    output.copy(Buffer.from('own'));
    const chunk = output.buffer;
    flusher.flush();
    expect(flusher.borrow()).toBe(chunk);
    output.share(page, 0, 20);
    flusher.flush();
    const [, own, shared] = transport.writes;
    expect(own!.toString()).toBe('own');
    expect(own!.buffer).not.toBe(chunk.buffer);
    expect([shared!.length, shared!.buffer === page.buffer]).toEqual([20, false]);
  });

  test('waiting bytes count what the transport could not pass on', () => {
    const { transport, flusher, output } = make();
    transport.isCongested = true;
    output.copy(Buffer.alloc(1000));
    flusher.flush();
    output.copy(Buffer.alloc(10));
    expect(output.waitingBytes).toBe(1010);
    transport.writableLength = 0;
    output.drained();
    expect(output.waitingBytes).toBe(10);
  });

  test('end sends what is collected, destroy does not; both are idempotent', () => {
    const ended = make();
    ended.output.copy(Buffer.from('bye'));
    ended.output.end();
    ended.output.end();
    ended.flusher.flush();
    expect(ended.transport.content.toString()).toBe('bye');
    expect(ended.transport.isEnded).toBe(true);
    expect(ended.output.closed).toBe(true);
    const cut = make();
    cut.output.copy(Buffer.from('bye'));
    cut.output.destroy();
    cut.output.destroy();
    cut.flusher.flush();
    expect(cut.transport.content).toHaveLength(0);
    expect(cut.transport.isDestroyed).toBe(true);
  });

  describe('N7: relief', () => {
    const withMark = (
      markBytes: number,
    ): { transport: FakeTransport; flusher: OutputFlusher; output: SocketOutput; reliefs: () => number } => {
      const transport = new FakeTransport();
      const flusher = newFlusher();
      let reliefs = 0;
      const output = new SocketOutput(transport, flusher, { markBytes, relieved: () => void reliefs++ });
      return { transport, flusher, output, reliefs: () => reliefs };
    };

    test('comes with the flush when the kernel takes a whole burst at once: no drain follows', () => {
      const { flusher, output, reliefs } = withMark(100 * 1024);
      for (let index = 0; index < 1_000; index++) output.copy(Buffer.alloc(1_000));
      expect(reliefs()).toBe(0);
      flusher.flush();
      expect(reliefs()).toBe(1);
    });

    test('waits for the drain when the kernel takes less', () => {
      const { transport, flusher, output, reliefs } = withMark(100);
      transport.isCongested = true;
      output.copy(Buffer.alloc(101));
      flusher.flush();
      expect(reliefs()).toBe(0);
      transport.writableLength = 0;
      output.drained();
      expect(reliefs()).toBe(1);
      output.drained();
      expect(reliefs()).toBe(1);
    });

    test('comes with a later flush that finds the kernel empty', () => {
      const { transport, flusher, output, reliefs } = withMark(100);
      transport.isCongested = true;
      output.copy(Buffer.alloc(200));
      flusher.flush();
      transport.isCongested = false;
      transport.writableLength = 0;
      output.copy(Buffer.alloc(1));
      flusher.flush();
      expect(reliefs()).toBe(1);
    });

    test('is not told of what never went above the mark, nor behind the end', () => {
      const { flusher, output, reliefs } = withMark(100);
      output.copy(Buffer.alloc(100));
      flusher.flush();
      output.copy(Buffer.alloc(200));
      output.end();
      flusher.flush();
      expect(reliefs()).toBe(0);
    });
  });

  test('counts the bytes that have left', () => {
    const { transport, flusher, output } = make();
    output.copy(Buffer.alloc(10));
    flusher.flush();
    expect(output.takenBytes).toBe(10);
    transport.isCongested = true;
    output.copy(Buffer.alloc(5));
    flusher.flush();
    expect(output.takenBytes).toBe(10);
    transport.writableLength = 0;
    output.copy(Buffer.alloc(7));
    flusher.flush();
    expect(output.takenBytes).toBe(15);
  });
});
