// Fastify with zod schemas, OpenAPI 3.1 at /openapi.json, and the routes of version 1 under /api/v1.
import { BrokerError } from '@robustmq/errors';
import swagger from '@fastify/swagger';
import fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { auditActions, type AuditLine } from './audit.ts';
import { requireAdmin } from './authentication.ts';
import { answerClientError, installErrorHandlers, sendError } from './error-response.ts';
import { countRequests, type RequestFigures } from './metrics.ts';
import type { Cluster, VerifyAdmin } from './ports.ts';
import {
  clusterRoutes,
  healthRoutes,
  sessionRoutes,
  streamRoutes,
  upgradeRoutes,
  userRoutes,
} from './routes.ts';

/** What the API is made of. */
export interface HttpApiOptions {
  readonly cluster: Cluster;
  /** Whether meta-service still answers: what is known of the cluster is then no older than a lease. */
  readonly isCurrent: () => boolean;
  readonly verifyAdmin: VerifyAdmin;
  readonly version: string;
  readonly bodyLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly figures: RequestFigures;
  /** Hears of every request that could change something. */
  readonly audit?: (line: AuditLine) => void;
  readonly logger?: FastifyBaseLogger;
}

/** A name in a path: no longer than Node lets a request line be, so that the limits of the schemas are what counts. */
const MAX_PARAM_CHARS = 16_384;

/** Failures are logged by the error handler; field names are those of the log's schema. */
const logController = new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' });

/** For browsers: what is JSON stays JSON, and nobody frames, caches or refers to it. */
const HARDENING = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** The server, not listening yet. */
export async function createHttpApi(options: HttpApiOptions): Promise<FastifyInstance> {
  const base = {
    bodyLimit: options.bodyLimitBytes,
    requestTimeout: options.requestTimeoutMs,
    connectionTimeout: options.requestTimeoutMs,
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    // What fails before there is a route is answered in the same shape.
    frameworkErrors: sendError,
    clientErrorHandler: answerClientError,
  };
  const app: FastifyInstance =
    options.logger === undefined
      ? fastify(base)
      : fastify({ ...base, loggerInstance: options.logger, logController });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  installErrorHandlers(app);
  countRequests(app, options.figures);
  app.addHook('onSend', (_request, reply, _payload, done) => {
    void reply.headers(HARDENING);
    done();
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'RobustMQ admin API', version: options.version },
      components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } } },
      security: [{ basic: [] }],
    },
    transform: jsonSchemaTransform,
  });
  await app.register(
    (scope, _options, done) => {
      healthRoutes(scope, options.cluster, options.isCurrent);
      done();
    },
    { prefix: '/api/v1' },
  );
  await app.register(
    (scope, _options, done) => {
      administrationRoutes(scope, options);
      done();
    },
    { prefix: '/api/v1' },
  );
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return app;
}

/** What only administrators may ask for. */
function administrationRoutes(scope: FastifyInstance, options: HttpApiOptions): void {
  if (options.audit !== undefined) auditActions(scope, options.audit);
  requireAdmin(scope, options.verifyAdmin);
  scope.addHook('onRequest', (_request, _reply, next) => {
    next(
      options.cluster.ready()
        ? undefined
        : new BrokerError('unavailable', 'the cluster view has not arrived yet'),
    );
  });
  clusterRoutes(scope, options.cluster, options.isCurrent);
  upgradeRoutes(scope, options.cluster);
  sessionRoutes(scope, options.cluster);
  streamRoutes(scope, options.cluster);
  userRoutes(scope, options.cluster);
}
