// BrokerError -> HTTP: one total table; the cause stays in the log.
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';

/** The body of every failed request. */
export const errorBody = z
  .object({
    code: z.string().describe('Stable error code'),
    message: z.string(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  })
  .describe('A failed request');

const HTTP_STATUS: Record<ErrorCode, number> = {
  invalid_argument: 400,
  malformed: 400,
  corrupt: 500,
  too_large: 413,
  unsupported: 501,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  unauthenticated: 401,
  permission_denied: 403,
  fenced: 409,
  out_of_range: 400,
  out_of_order: 409,
  duplicate: 409,
  quota_exceeded: 429,
  not_leader: 503,
  not_enough_replicas: 503,
  offset_not_available: 503,
  stale_epoch: 409,
  unknown_epoch: 503,
  not_coordinator: 503,
  storage_full: 507,
  storage_failed: 503,
  quarantined: 503,
  unavailable: 503,
  deadline_exceeded: 504,
  cancelled: 499,
  internal: 500,
};

/** The HTTP status of an error code. */
export function httpStatusOf(code: ErrorCode): number {
  return HTTP_STATUS[code];
}

/** Installs the error and not-found handlers. */
export function installErrorHandlers(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    void reply
      .code(404)
      .send({ code: 'not_found', message: `no route ${request.method} ${request.url.split('?')[0]}` });
  });
  app.setErrorHandler(sendError);
}

/** Answers a failure; what is the server's own fault is logged. */
export function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = classify(thrown);
  if (httpStatusOf(error.code) >= 500) request.log.error({ err: thrown }, 'request failed');
  if (error.code === 'unauthenticated')
    void reply.header('www-authenticate', 'Basic realm="robustmq", charset="UTF-8"');
  void reply.code(httpStatusOf(error.code)).send({
    code: error.code,
    message: error.message,
    ...(Object.keys(error.details).length > 0 && { details: error.details }),
  });
}

/** Node's codes for what is no HTTP request, by status and our code; anything else is 400. */
const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, code: ErrorCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'too_large', 'the header fields are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'deadline_exceeded', 'the request did not arrive in time'],
};

/** Answers bytes that are no HTTP request, and ends the connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, code, message] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'malformed', 'no HTTP request'];
  const body = JSON.stringify({ code, message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function classify(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const text = thrown.validation
      .map((issue) => `${issue.instancePath || '/'} ${issue.message ?? ''}`)
      .join('; ');
    return new BrokerError('invalid_argument', `${thrown.validationContext ?? 'request'}: ${text}`);
  }
  const statusCode = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500;
  if (statusCode === 413) return new BrokerError('too_large', 'request body too large', { cause: thrown });
  if (statusCode >= 400 && statusCode < 500) {
    return new BrokerError('invalid_argument', thrown instanceof Error ? thrown.message : 'bad request', {
      cause: thrown,
    });
  }
  return BrokerError.from(thrown);
}
