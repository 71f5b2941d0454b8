// Metrics of the HTTP API: requests by class of their status, and how long they took.
import { BucketHistogram, type Metrics } from '@robustmq/telemetry';
import type { FastifyInstance } from 'fastify';

/** What is counted of requests. */
export class RequestFigures {
  /** By the first digit of the status. */
  readonly byClass = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 };
  readonly seconds = new BucketHistogram();

  /** Counts a request that was answered. */
  answered(statusCode: number, elapsedMs: number): void {
    const name = `${Math.floor(statusCode / 100)}xx`;
    if (name in this.byClass) this.byClass[name as keyof RequestFigures['byClass']] += 1;
    this.seconds.record(elapsedMs / 1000);
  }
}

/** Counts the requests of a server from now on. */
export function countRequests(app: FastifyInstance, figures: RequestFigures): void {
  app.addHook('onResponse', (_request, reply, done) => {
    figures.answered(reply.statusCode, reply.elapsedTime);
    done();
  });
}

/** Registers the instruments of admin-api. */
export function registerMetrics(metrics: Metrics, figures: RequestFigures): void {
  metrics.registerCounters([
    {
      name: 'robustmq_admin_requests_total',
      help: 'HTTP requests answered, by class of their status.',
      read: () =>
        Object.entries(figures.byClass).map(([status, value]) => ({ value, attributes: { status } })),
    },
  ]);
  metrics.registerHistograms([
    {
      name: 'robustmq_admin_request_seconds',
      help: 'Time from the arrival of an HTTP request to the end of its answer.',
      unit: 's',
      histogram: figures.seconds,
    },
  ]);
}
