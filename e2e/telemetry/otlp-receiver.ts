// A collector of traces: takes OTLP over HTTP in its protobuf form, and reads the little of it that tests ask for.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it arrived. */
export interface ReceivedSpan {
  /** `service.name` of the resource. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the root of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly durationNs: number;
}

/** Listens on a free port. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.spans.push(...readRequest(Buffer.concat(chunks)));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  /** The spans of a trace. */
  trace(traceId: string): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

type Field = readonly [number: number, value: Buffer | bigint];

/** The fields of a protobuf message, of the wire types that OTLP uses. */
function* fieldsOf(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    if (wireType === 0) yield [tag >> 3, varint()];
    else {
      const sizeBytes = wireType === 1 ? 8 : wireType === 5 ? 4 : Number(varint());
      yield [tag >> 3, bytes.subarray(at, at + sizeBytes)];
      at += sizeBytes;
    }
  }
}

function all(bytes: Buffer, number: number): Buffer[] {
  return [...fieldsOf(bytes)].flatMap(([each, value]) =>
    each === number && typeof value !== 'bigint' ? [value] : [],
  );
}

const first = (bytes: Buffer, number: number): Buffer => all(bytes, number)[0] ?? Buffer.alloc(0);

/** opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest */
function readRequest(request: Buffer): ReceivedSpan[] {
  return all(request, 1).flatMap((resourceSpans) => {
    const attributes = all(first(resourceSpans, 1), 1);
    const name = attributes.find((pair) => first(pair, 1).toString() === 'service.name');
    const service = name === undefined ? '' : first(first(name, 2), 1).toString();
    return all(resourceSpans, 2).flatMap((scopeSpans) =>
      all(scopeSpans, 2).map((span) => ({
        service,
        traceId: first(span, 1).toString('hex'),
        spanId: first(span, 2).toString('hex'),
        parentSpanId: first(span, 4).toString('hex'),
        name: first(span, 5).toString(),
        durationNs: Number(first(span, 8).readBigUInt64LE() - first(span, 7).readBigUInt64LE()),
      })),
    );
  });
}
