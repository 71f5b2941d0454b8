// Run as a process of its own by ops.test.ts: the OTLP exporter loads its transport with a dynamic import, which jest's
// sandbox does not allow. Argument: the endpoint. Records one span, stops, and exits with 0.

import { z } from '@robustmq/config';
import { startTelemetry, telemetrySettings } from '../src/index.ts';

const endpoint = process.argv[2]!;
const settings = z.strictObject({ ...telemetrySettings(0) }).parse({ traces: { endpoint, ratio: 1 } });
const telemetry = await startTelemetry({
  service: 'journal-server',
  nodeId: 'j1',
  version: '1.2.3',
  settings,
  onDrain: () => undefined,
});
telemetry.sampler.start('robustmq append', null)!.end();
await telemetry.stop();
