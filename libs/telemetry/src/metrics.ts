// Metrics: hot paths bump plain number fields, and observable instruments read them when somebody scrapes. Names are
// `robustmq_` + snake case, in base units, counters end in `_total`; a name that breaks this is a bug.

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  ValueType,
  type Attributes,
  type HrTime,
  type Meter,
  type ObservableResult,
} from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { emptyResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type CollectionResult,
  type HistogramMetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { assert } from '@robustmq/errors';
import type { BucketHistogram } from './histogram.ts';

/** A unit as UCUM writes it: seconds, bytes, or a count. */
export type Unit = 's' | 'By' | '1';

/** One value with its attributes. */
export interface Reading {
  readonly value: number;
  readonly attributes: Attributes;
}

/** A counter or gauge: what `read` returns at the moment of a scrape. */
export interface InstrumentDefinition {
  readonly name: string;
  readonly help: string;
  /** Default '1'. */
  readonly unit?: Unit;
  /** One value, or one per attribute set. Attribute values must be bounded: never a client id or topic. */
  readonly read: () => number | Iterable<Reading>;
}

/** A histogram and the attributes of its only series. */
export interface HistogramDefinition {
  readonly name: string;
  readonly help: string;
  readonly unit?: Unit;
  readonly histogram: BucketHistogram;
  readonly attributes?: Attributes;
}

const NAME = /^robustmq_[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;
const UNIT_SUFFIX: Readonly<Record<Unit, string>> = { s: '_seconds', By: '_bytes', '1': '' };

const UNITS: readonly Unit[] = ['s', 'By', '1'];

function checkName(name: string, unit: Unit, isCounter: boolean): void {
  assert(NAME.test(name), `metric ${name} is robustmq_ and snake case`);
  assert(
    name.endsWith('_total') === isCounter,
    `metric ${name} ends in _total if it is a counter, and only then`,
  );
  const stem = isCounter ? name.slice(0, -'_total'.length) : name;
  const named = UNITS.find((each) => UNIT_SUFFIX[each] !== '' && stem.endsWith(UNIT_SUFFIX[each])) ?? '1';
  assert(named === unit, `metric ${name} names its base unit`);
}

function observe(definition: InstrumentDefinition): (result: ObservableResult) => void {
  return (result) => {
    const reading = definition.read();
    if (typeof reading === 'number') result.observe(reading);
    else for (const { value, attributes } of reading) result.observe(value, attributes);
  };
}

/** Registers counters: values that only grow while the process lives. */
export function registerCounters(meter: Meter, definitions: readonly InstrumentDefinition[]): void {
  for (const definition of definitions) {
    const unit = definition.unit ?? '1';
    checkName(definition.name, unit, true);
    const options = { description: definition.help, unit };
    meter.createObservableCounter(definition.name, options).addCallback(observe(definition));
  }
}

/** Registers gauges: values that go up and down. */
export function registerGauges(meter: Meter, definitions: readonly InstrumentDefinition[]): void {
  for (const definition of definitions) {
    const unit = definition.unit ?? '1';
    checkName(definition.name, unit, false);
    const options = { description: definition.help, unit };
    meter.createObservableGauge(definition.name, options).addCallback(observe(definition));
  }
}

function toHrTime(timeMs: number): HrTime {
  return [Math.floor(timeMs / 1000), Math.round((timeMs % 1000) * 1e6)];
}

/** Gives the exporter histograms that no SDK instrument recorded; the API has no observable histogram. */
class HistogramProducer implements MetricProducer {
  readonly #startTime = toHrTime(Date.now());
  readonly #definitions = new Map<string, HistogramDefinition[]>();

  add(definition: HistogramDefinition): void {
    checkName(definition.name, definition.unit ?? '1', false);
    const series = this.#definitions.get(definition.name);
    if (series === undefined) this.#definitions.set(definition.name, [definition]);
    else series.push(definition);
  }

  collect(): Promise<CollectionResult> {
    const endTime = toHrTime(Date.now());
    const metrics = [...this.#definitions.values()].map((series) => this.#read(series, endTime));
    const scopeMetrics = [{ scope: { name: 'robustmq' }, metrics }];
    return Promise.resolve({ resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] });
  }

  #read(series: readonly HistogramDefinition[], endTime: HrTime): HistogramMetricData {
    const { name, help, unit } = series[0]!;
    return {
      descriptor: { name, description: help, unit: unit ?? '1', valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: series.map(({ histogram, attributes }) => ({
        startTime: this.#startTime,
        endTime,
        attributes: attributes ?? {},
        value: {
          buckets: { boundaries: [...histogram.bounds], counts: [...histogram.counts] },
          sum: histogram.sum,
          count: histogram.count,
        },
      })),
    };
  }
}

/** Who the metrics are about. */
export interface MetricsOptions {
  readonly service: string;
  readonly nodeId: string;
  readonly version: string;
}

/** The metrics of a process and the handler that shows them to Prometheus. */
export interface Metrics {
  readonly meter: Meter;
  registerCounters(definitions: readonly InstrumentDefinition[]): void;
  registerGauges(definitions: readonly InstrumentDefinition[]): void;
  registerHistograms(definitions: readonly HistogramDefinition[]): void;
  /** Answers a scrape in the Prometheus text format. */
  handleScrape(request: IncomingMessage, response: ServerResponse): void;
  shutdown(): Promise<void>;
}

/** Makes the metrics of a process; nothing listens by itself. */
export function createMetrics(options: MetricsOptions): Metrics {
  const producer = new HistogramProducer();
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    metricProducers: [producer],
  });
  const provider = new MeterProvider({ resource: resourceOf(options), readers: [exporter] });
  const meter = provider.getMeter('robustmq', options.version);
  return {
    meter,
    registerCounters: (definitions) => registerCounters(meter, definitions),
    registerGauges: (definitions) => registerGauges(meter, definitions),
    registerHistograms: (definitions) => definitions.forEach((definition) => producer.add(definition)),
    handleScrape: (request, response) => exporter.getMetricsRequestHandler(request, response),
    shutdown: () => provider.shutdown(),
  };
}

/** The OpenTelemetry resource of a process. */
export function resourceOf({
  service,
  nodeId,
  version,
}: MetricsOptions): ReturnType<typeof resourceFromAttributes> {
  return resourceFromAttributes({
    'service.name': `robustmq-${service}`,
    'service.namespace': 'robustmq',
    'service.instance.id': nodeId,
    'service.version': version,
  });
}
