// Which ports a cluster listens on: the well-known ones, a run from a base, or free ones for a test.
import { createServer } from 'node:net';

import { BrokerError } from '@robustmq/errors';

// Below the range from which the kernel takes ports of outgoing connections (32768 on Linux): a killed process finds
// its port free when it starts again, however many clients reconnected meanwhile.
const FREE_RANGE_START = 12_000;
const FREE_RANGE_END = 32_000;

/** Whether `port` can be listened on at `host` just now. */
export function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => {
      resolve(false);
    });
    probe.listen({ host, port, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

/** Hands out ports that are free now and never the same one twice. Each caller begins somewhere else in the range. */
export class FreePorts {
  readonly #host: string;
  #next: number;
  #tries = 0;

  constructor(host: string, seed: number) {
    this.#host = host;
    // Consecutive process ids must not begin next to each other, or parallel tests race for the same ports.
    this.#next = FREE_RANGE_START + ((seed * 7_919) % (FREE_RANGE_END - FREE_RANGE_START));
  }

  /** The next free port; fails with `unavailable` when the whole range is taken. */
  async take(): Promise<number> {
    while (this.#tries < FREE_RANGE_END - FREE_RANGE_START) {
      const port = this.#next;
      this.#next = port + 1 >= FREE_RANGE_END ? FREE_RANGE_START : port + 1;
      this.#tries += 1;
      if (await isPortFree(this.#host, port)) return port;
    }
    throw new BrokerError('unavailable', `no free port in ${FREE_RANGE_START}-${FREE_RANGE_END}`);
  }
}
