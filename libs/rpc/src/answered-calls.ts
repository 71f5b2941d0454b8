// What becomes of a call that was answered with its head alone, as every refused one is. grpc-js leaves its stream to the caller,
// who may never close it, and answers callers who read nothing: both took memory without bound (I8). A limit of concurrent
// streams is none: it would hold honest callers back, who share a connection with their long streams.

import { subscribe } from 'node:diagnostics_channel';
import { constants, type IncomingHttpHeaders, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { systemTimers } from '@robustmq/runtime';

/** What Node tells of an answer whose head was sent. */
interface Answered {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

/** A connection ends with so many refused calls: a service with another secret comes again, and is refused again. */
const MAX_REFUSALS = 1_000;
/** For who shows no secret, or asks for what is not there. */
const REFUSALS: readonly number[] = [status.UNAUTHENTICATED, status.UNIMPLEMENTED];
/** The status of HTTP of every answer of gRPC; what is no call of gRPC is answered by another one. */
const HTTP_OK = 200;

const refusalsOf = new WeakMap<Http2Session, number>();

/** Follows the answers of every gRPC server of this process. */
export function endAnsweredCalls(): void {
  // The public way to the streams of a server of grpc-js.
  subscribe('http2.server.stream.finish', (message) => answered(message as Answered));
}

function answered({ stream, headers }: Answered): void {
  const code = headers['grpc-status'];
  const isCall = Number(headers[':status']) === HTTP_OK;
  // More follows, and the status behind it.
  if (isCall && code === undefined) return;
  const isRefusal = !isCall || REFUSALS.includes(Number(code));
  if (isRefusal && stream.session !== undefined) countRefusal(stream.session);
  // Behind the answer, which is complete: nothing more of the request is wanted (RFC 9113, 8.1).
  stream.close(constants.NGHTTP2_NO_ERROR);
  stream.resume();
}

function countRefusal(session: Http2Session): void {
  const refusals = (refusalsOf.get(session) ?? 0) + 1;
  refusalsOf.set(session, refusals);
  // Not within the stream that it ends.
  if (refusals === MAX_REFUSALS)
    systemTimers.soon(() => session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM));
}
