// What `npm start` runs, given the values of its options.
import path from 'node:path';

import {
  LOOPBACK_DEFAULTS,
  ONE_OF_EACH,
  type PlanOptions,
  portOption,
  SERVICE_FACTS,
  type ServiceName,
  SERVICES,
} from '@robustmq/testkit/cluster';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** The values of the options by their names in camel case, as commander keeps them. */
export type OptionValues = Readonly<Record<string, string | number | undefined>>;

/** One of each service, with what the options change. */
export function planOf(values: OptionValues): PlanOptions {
  const host = values['host'];
  const clientHost = typeof host === 'string' ? host : undefined;
  return {
    dataDir: path.resolve(String(values['data'])),
    counts: ONE_OF_EACH,
    ports: { kind: 'default', overrides: portOverrides(values) },
    ...(clientHost === undefined ? {} : { clientHost }),
    extraFlags: Object.fromEntries(
      SERVICES.map((service) => [service, flagsOf(service, values, isLoopback(clientHost))]),
    ),
  };
}

/** Whether only this machine reaches the ports that clients come to. */
export function isLoopback(clientHost: string | undefined): boolean {
  return clientHost === undefined || LOOPBACK.test(clientHost);
}

/** The option that gives a service a file of its own: `mqtt-config`. */
export function configOption(service: ServiceName): string {
  return `${SERVICE_FACTS[service].nodePrefix}-config`;
}

/** A file of the user's own replaces the defaults for trying: as flags they would win over it. */
function flagsOf(service: ServiceName, values: OptionValues, onLoopback: boolean): readonly string[] {
  const file = values[camelCase(configOption(service))];
  if (typeof file === 'string') return [`--config=${path.resolve(file)}`];
  // Beyond loopback nobody is let in without credentials who would be asked for them otherwise.
  return onLoopback || service !== 'mqtt-gateway' ? (LOOPBACK_DEFAULTS[service] ?? []) : [];
}

function portOverrides(values: OptionValues): Record<string, number> {
  const overrides: Record<string, number> = {};
  for (const service of SERVICES) {
    for (const { endpoint } of SERVICE_FACTS[service].ports) {
      const option = portOption(service, endpoint);
      const port = values[camelCase(option)];
      if (typeof port === 'number') overrides[option] = port;
    }
  }
  return overrides;
}

/** The name under which commander keeps the value of an option. */
function camelCase(option: string): string {
  return option.replaceAll(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}
