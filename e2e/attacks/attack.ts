// What an attack is: bytes from a stranger on loopback, for a bounded time, as fast as the other side takes them.

/** Where an attack goes. */
export interface Targets {
  readonly kafkaPort: number;
  readonly mqttPort: number;
  readonly webSocketPort: number;
  readonly httpPort: number;
}

/** Attacks until `over` is aborted, and closes everything then. */
export type Attack = (targets: Targets, over: AbortSignal) => Promise<void>;

/** Runs the same attack on so many connections at once. */
export async function inParallel(count: number, attack: (n: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => attack(n)));
}
