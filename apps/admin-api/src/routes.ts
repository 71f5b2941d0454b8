// The HTTP API, version 1. One entry per route; schemas.ts has the shapes.
import { BrokerError } from '@robustmq/errors';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { clusterHealth, clusterOverview } from './cluster-overview.ts';
import { errorBody } from './error-response.ts';
import type { Cluster, StreamOverview } from './ports.ts';
import * as schemas from './schemas.ts';

const failures = { '4xx': errorBody, '5xx': errorBody };
const nameParams = z.object({ name: z.string().min(1).max(249) });

/** Health for everybody: no names, nothing to probe with. A view that nobody confirms any more says nothing of health. */
export function healthRoutes(scope: FastifyInstance, cluster: Cluster, isCurrent: () => boolean): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/health',
    {
      schema: {
        tags: ['cluster'],
        summary: 'Cluster health',
        security: [],
        response: {
          200: schemas.healthBody.pick({ status: true }),
          503: schemas.healthBody.pick({ status: true }),
        },
      },
    },
    async (_request, reply) => {
      const status = cluster.ready()
        ? clusterHealth(cluster.snapshot(), await cluster.storageProblems(), isCurrent()).status
        : 'unavailable';
      void reply.code(status === 'unavailable' ? 503 : 200);
      return { status };
    },
  );
}

/** Cluster, nodes and what clients left in meta-service. */
export function clusterRoutes(scope: FastifyInstance, cluster: Cluster, isCurrent: () => boolean): void {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/cluster',
    {
      schema: {
        tags: ['cluster'],
        summary: 'The cluster at a glance',
        response: { 200: schemas.overviewBody, ...failures },
      },
    },
    async () => clusterOverview(cluster.snapshot(), await cluster.storageProblems(), isCurrent()),
  );
  app.get(
    '/nodes',
    {
      schema: {
        tags: ['cluster'],
        summary: 'Processes and their leases',
        response: { 200: z.object({ items: z.array(schemas.nodeBody).readonly() }), ...failures },
      },
    },
    () => ({ items: cluster.snapshot().nodes }),
  );
  app.get(
    '/sessions',
    {
      schema: {
        tags: ['mqtt'],
        summary: 'MQTT sessions by client id',
        querystring: schemas.pageQuery.extend({ prefix: z.string().max(65_535).default('') }),
        response: {
          200: z.object({ items: z.array(schemas.sessionBody).readonly(), more: z.boolean() }),
          ...failures,
        },
      },
    },
    async ({ query }) => await cluster.listSessions(query.tenant, query.prefix, query.after, query.limit),
  );
  app.get(
    '/groups',
    {
      schema: {
        tags: ['kafka'],
        summary: 'Kafka consumer groups',
        querystring: schemas.pageQuery,
        response: {
          200: z.object({ items: z.array(schemas.groupBody).readonly(), more: z.boolean() }),
          ...failures,
        },
      },
    },
    async ({ query }) => await cluster.listGroups(query.tenant, query.after, query.limit),
  );
}

/** The last step of an upgrade. */
export function upgradeRoutes(scope: FastifyInstance, cluster: Cluster): void {
  scope.withTypeProvider<ZodTypeProvider>().post(
    '/cluster/feature-level',
    {
      schema: {
        tags: ['cluster'],
        summary: 'Use what a new release knows',
        description:
          'The last step of an upgrade, which can be rolled back until then. Refused (409) while a live node knows less, and ' +
          '(400) below the level in use: from then on an older release is refused.',
        body: schemas.raiseFeatureLevelBody,
        response: { 200: schemas.featureLevelsBody, ...failures },
      },
    },
    async ({ body }) => {
      await cluster.raiseFeatureLevel(body.level ?? cluster.snapshot().featureLevel.known);
      return cluster.snapshot().featureLevel;
    },
  );
}

/** What an operator does to a session, whoever owns it. */
export function sessionRoutes(scope: FastifyInstance, cluster: Cluster): void {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  const params = z.object({ name: z.string().min(1).max(65_535).describe('The client id') });
  app.delete(
    '/sessions/:name',
    {
      schema: {
        tags: ['mqtt'],
        summary: 'Drop a session',
        description:
          'What it was owed is lost, and a client that is connected with it is disconnected (0x98).',
        params,
        querystring: schemas.tenantQuery,
        response: { 200: schemas.droppedSessionBody, ...failures },
      },
    },
    async ({ params: { name }, query }) => await cluster.dropSession(query.tenant, name),
  );
  app.put(
    '/sessions/:name/owner',
    {
      schema: {
        tags: ['mqtt'],
        summary: 'Give a session to another user',
        description: 'Who may open it next; a connection that has it goes on.',
        params,
        querystring: schemas.tenantQuery,
        body: schemas.sessionOwnerBody,
        response: { 204: z.null(), ...failures },
      },
    },
    async ({ params: { name }, query, body }, reply) => {
      await cluster.reassignSession(query.tenant, name, body.user);
      return reply.code(204).send(null);
    },
  );
}

/** @throws BrokerError `not_found` */
function streamOf(cluster: Cluster, tenant: string, name: string): StreamOverview {
  const found = cluster.snapshot().streams.find((each) => each.tenant === tenant && each.name === name);
  if (found === undefined) throw new BrokerError('not_found', `no stream ${name} in tenant ${tenant}`);
  return found;
}

/** Streams, which are Kafka topics. */
export function streamRoutes(scope: FastifyInstance, cluster: Cluster): void {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/streams',
    {
      schema: {
        tags: ['streams'],
        summary: 'All streams of a tenant',
        querystring: schemas.tenantQuery,
        response: { 200: z.object({ items: z.array(schemas.streamBody).readonly() }), ...failures },
      },
    },
    ({ query }) => ({
      items: cluster.snapshot().streams.filter((stream) => stream.tenant === query.tenant),
    }),
  );
  app.get(
    '/streams/:name',
    {
      schema: {
        tags: ['streams'],
        summary: 'One stream',
        params: nameParams,
        querystring: schemas.tenantQuery,
        response: { 200: schemas.streamBody, ...failures },
      },
    },
    ({ params, query }) => streamOf(cluster, query.tenant, params.name),
  );
  app.post(
    '/streams',
    {
      schema: {
        tags: ['streams'],
        summary: 'Create a stream',
        description: 'Answers once every live mqtt-gateway routes by it.',
        body: schemas.newStreamBody,
        response: { 201: schemas.streamBody, ...failures },
      },
    },
    async ({ body }, reply) => reply.code(201).send(await cluster.createStream(body)),
  );
  app.delete(
    '/streams/:name',
    {
      schema: {
        tags: ['streams'],
        summary: 'Delete a stream and its records',
        params: nameParams,
        querystring: schemas.tenantQuery,
        response: { 204: z.null(), ...failures },
      },
    },
    async ({ params, query }, reply) => {
      await cluster.deleteStream(query.tenant, params.name);
      return reply.code(204).send(null);
    },
  );
}

/** Users that may connect or administer. */
export function userRoutes(scope: FastifyInstance, cluster: Cluster): void {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/users',
    {
      schema: {
        tags: ['users'],
        summary: 'Users of a tenant',
        querystring: schemas.tenantQuery,
        response: { 200: z.object({ items: z.array(schemas.userBody).readonly() }), ...failures },
      },
    },
    ({ query }) => ({
      items: cluster.snapshot().users.filter((user) => user.tenant === query.tenant),
    }),
  );
  app.put(
    '/users/:name',
    {
      schema: {
        tags: ['users'],
        summary: 'Create or replace a user',
        params: nameParams,
        querystring: schemas.tenantQuery,
        body: schemas.putUserBody,
        response: { 200: schemas.userBody, ...failures },
      },
    },
    async ({ params, query, body }) => {
      if (body.superuser && params.name.includes(':'))
        throw new BrokerError(
          'invalid_argument',
          'HTTP Basic ends a name at its colon: no superuser has one',
        );
      const user = { tenant: query.tenant, name: params.name, superuser: body.superuser };
      await cluster.putUser({ ...user, password: body.password }, false);
      return user;
    },
  );
  app.delete(
    '/users/:name',
    {
      schema: {
        tags: ['users'],
        summary: 'Delete a user',
        params: nameParams,
        querystring: schemas.tenantQuery,
        response: { 204: z.null(), ...failures },
      },
    },
    async ({ params, query }, reply) => {
      await cluster.deleteUser(query.tenant, params.name);
      return reply.code(204).send(null);
    },
  );
}
