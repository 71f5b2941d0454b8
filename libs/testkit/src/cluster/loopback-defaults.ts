// What differs from a production default because everything listens on loopback only and is there to be tried.
import type { PlanOptions } from './plan.ts';

/**
 * A new topic owns the MQTT topic of its own name (rule O1), and MQTT clients may come without credentials:
 * on loopback whoever can connect can read the data folder anyway.
 */
export const LOOPBACK_DEFAULTS: NonNullable<PlanOptions['extraFlags']> = {
  'meta-service': ['--streams.default.mqtt.filter=name'],
  'mqtt-gateway': ['--auth.anonymous=true'],
};
