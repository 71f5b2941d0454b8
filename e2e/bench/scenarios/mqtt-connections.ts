// Idle connections: how fast they come, what each one keeps.
import { setTimeout as delay } from 'node:timers/promises';

import { MqttSocket } from '../load/mqtt-socket.ts';
import { cpuSeconds, residentBytes } from '../processes.ts';
import type { Scenario } from './scenario.ts';

const CONNECTIONS = 5_000;
const AT_ONCE = 96;
// Sessions that are written lazily and heaps that grow in steps come to rest.
const SETTLE_MS = 2_000;

/** 5,000 idle connections, each with its own client id. */
export const connections: Scenario = {
  name: 'idle-connections',
  title: `${CONNECTIONS} idle connections`,
  protocol: 'mqtt',
  target: '≤ 10 KB each; ≥ 4,000 connects/s',
  async run(system) {
    const { host, mqttPort = 0 } = system;
    const cpuBefore = cpuSeconds(system.pids);
    const residentBefore = residentBytes(system.connectionPids);
    const startedMs = performance.now();
    const sockets: MqttSocket[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < CONNECTIONS) {
        const clientId = `bench-idle-${next}`;
        next += 1;
        const socket = new MqttSocket(host, mqttPort, {});
        sockets.push(socket);
        await socket.connect(clientId);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const elapsedSeconds = (performance.now() - startedMs) / 1_000;
    const cpu = cpuSeconds(system.pids) - cpuBefore;
    await delay(SETTLE_MS);
    const resident = residentBytes(system.connectionPids) - residentBefore;
    for (const socket of sockets) socket.close();
    return {
      perSecond: CONNECTIONS / elapsedSeconds,
      cpuSecondsPerMillion: (cpu / CONNECTIONS) * 1_000_000,
      bytesPerConnection: resident / CONNECTIONS,
      residentMegabytes: residentBytes(system.pids) / 1024 / 1024,
    };
  },
};
