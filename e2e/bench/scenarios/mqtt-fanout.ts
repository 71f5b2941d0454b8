// One publisher, many subscribers, QoS 0: what a delivery costs.
import { BrokerError } from '@robustmq/errors';

import { Receivers } from '../load/receivers.ts';
import { Sender } from '../load/sender.ts';
import type { Scenario } from './scenario.ts';
import { drain, measureWindow } from './window.ts';

const SUBSCRIBERS = 200;
const PAYLOAD_BYTES = 128;
// Messages between the publisher and its slowest subscriber: enough to keep every stage busy, little enough that no
// broker has a reason to drop.
const WINDOW = 512;
const REFILL = 64;
const QUIET_MS = 3_000;

/** QoS 0 fan-out 1→200, as fast as all subscribers take it. */
export const fanout: Scenario = {
  name: 'qos0-fanout',
  title: `QoS 0 fan-out 1→${SUBSCRIBERS}, saturated`,
  protocol: 'mqtt',
  target: '≥ 6× Mosquitto, CPU ≤ 0.25×',
  async run(system, { seconds }) {
    const { host, mqttPort = 0 } = system;
    let failure: string | undefined;
    let publishing = false;
    const onLost = (reason: string): void => {
      failure = reason;
    };
    const sender = new Sender(host, mqttPort, {
      id: 1,
      topic: 'bench/fanout',
      qos: 0,
      payloadBytes: PAYLOAD_BYTES,
      onReadEnd: () => undefined,
      onLost,
    });
    await sender.socket.connect('bench-sender');
    const receivers = new Receivers([sender], 97);
    const refill = (): void => {
      while (publishing && sender.sent - receivers.delivered / SUBSCRIBERS <= WINDOW - REFILL)
        sender.send(REFILL, performance.now(), 0);
    };
    for (let n = 0; n < SUBSCRIBERS; n += 1) {
      const clientId = `bench-receiver-${n}`;
      await receivers.add(host, mqttPort, {
        clientId,
        cleanSession: true,
        filter: 'bench/fanout',
        qos: 0,
        onReadEnd: refill,
        onLost,
      });
    }
    publishing = true;
    refill();
    const measured = await measureWindow(
      system,
      seconds,
      () => receivers.delivered,
      () => receivers.latencies.reset(),
    );
    publishing = false;
    const lost = await drain(sender.sent * SUBSCRIBERS, QUIET_MS, () => receivers.delivered);
    for (const socket of [sender.socket, ...receivers.sockets]) socket.close();
    if (failure !== undefined) throw new BrokerError('unavailable', `a connection broke: ${failure}`);
    return {
      ...measured,
      p50Ms: receivers.latencies.percentileMs(50),
      p99Ms: receivers.latencies.percentileMs(99),
      lost,
      ...receivers.faults,
    };
  },
};
