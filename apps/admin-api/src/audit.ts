// The audit log: one line for every request that could change something, with who asked, for what, and how it ended (N14).

import type { FastifyInstance } from 'fastify';
import { Principal } from '@robustmq/access-control';
import type { Log } from '@robustmq/runtime';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What an audit line says; field names are those of the log's schema. */
export interface AuditLine {
  readonly audit: true;
  /** `User:<name>`; empty when the request came from nobody who is known. */
  readonly principal: string;
  readonly address: string;
  readonly method: string;
  readonly route: string;
  readonly target: string;
  readonly tenant: string;
  readonly status: number;
}

/** Writes a line for each answered request of this scope that is no reading one, refused ones included. */
export function auditActions(scope: FastifyInstance, write: (line: AuditLine) => void): void {
  scope.addHook('onResponse', (request, reply, done) => {
    if (!READING.has(request.method)) {
      const { principal, params, query, body } = request;
      write({
        audit: true,
        principal: principal === null ? '' : Principal.format(principal),
        address: request.ip,
        method: request.method,
        route: request.routeOptions.url ?? '',
        target: textOf(params, 'name') || textOf(body, 'name') || numberOf(body, 'level'),
        tenant: textOf(query, 'tenant') || textOf(body, 'tenant'),
        status: reply.statusCode,
      });
    }
    done();
  });
}

const MESSAGE = 'admin action';
const REFUSED = new Set([401, 403]);

interface LimitedLines {
  info(kind: string, fields: object, message: string): void;
}

/** Writes every action of an administrator; of those who are none so few lines that they cannot fill the log. */
export function auditLog(log: Pick<Log, 'info'>, strangers: LimitedLines): (line: AuditLine) => void {
  return (line) => {
    if (REFUSED.has(line.status)) strangers.info(`audit ${line.principal}`, line, MESSAGE);
    else log.info(line, MESSAGE);
  };
}

/** A field of what a client sent, if it is a text; never a whole body, which may hold a password. */
function textOf(from: unknown, field: string): string {
  if (typeof from !== 'object' || from === null) return '';
  const value = (from as Record<string, unknown>)[field];
  return typeof value === 'string' ? value : '';
}

/** As {@link textOf}, of a number. */
function numberOf(from: unknown, field: string): string {
  if (typeof from !== 'object' || from === null) return '';
  const value = (from as Record<string, unknown>)[field];
  return typeof value === 'number' ? String(value) : '';
}
