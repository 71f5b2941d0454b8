// A broker that somebody else started: for tuning one process without restarting it for each run.
import type { System } from './system.ts';

/** A running broker at these ports; `pids` are the processes whose CPU counts. */
export function attached(
  ports: { readonly mqtt?: number; readonly kafka?: number },
  pids: readonly number[],
): System {
  return {
    name: 'attached',
    description: `a running broker (${JSON.stringify(ports)})`,
    speaks: [
      ...(ports.mqtt === undefined ? [] : ['mqtt' as const]),
      ...(ports.kafka === undefined ? [] : ['kafka' as const]),
    ],
    start: () =>
      Promise.resolve({
        host: '127.0.0.1',
        ...(ports.mqtt === undefined ? {} : { mqttPort: ports.mqtt }),
        ...(ports.kafka === undefined ? {} : { kafkaPort: ports.kafka }),
        pids,
        connectionPids: pids,
        stop: () => Promise.resolve(),
      }),
  };
}
