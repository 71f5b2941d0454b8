// The HTTP API over a cluster in memory.

import type { FastifyInstance } from 'fastify';
import type { AuditLine } from '../src/audit.ts';
import { createHttpApi } from '../src/http-api.ts';
import { RequestFigures } from '../src/metrics.ts';
import type { VerifyAdmin } from '../src/ports.ts';
import { RecordingCluster } from './recording-cluster.ts';

/** What the administrator of these tests shows; any other user has the same password. */
export const ADMIN = { authorization: `Basic ${Buffer.from('admin:se:cret').toString('base64')}` };

/** Not listening: requests are injected. */
export class ServedApi {
  readonly cluster = new RecordingCluster();
  readonly figures = new RequestFigures();
  readonly audit: AuditLine[] = [];
  /** Whether meta-service still confirms the view. */
  isCurrent = true;

  async start(): Promise<FastifyInstance> {
    const verifyAdmin: VerifyAdmin = (name, password) =>
      Promise.resolve(
        password === 'se:cret'
          ? { tenant: 'default', name, superuser: name === 'admin', anonymous: false }
          : null,
      );
    return createHttpApi({
      cluster: this.cluster,
      verifyAdmin,
      audit: (line) => this.audit.push(line),
      isCurrent: () => this.isCurrent,
      version: '0.1.0',
      bodyLimitBytes: 1024,
      requestTimeoutMs: 5_000,
      figures: this.figures,
    });
  }
}
