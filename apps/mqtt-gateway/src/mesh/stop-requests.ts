// Asks one gateway to stop sessions (rule S1). Many are asked for at once when clients come back from a gateway that
// crashed: they leave in few calls.

import type { BrokerError } from '@robustmq/errors';
import type { GatewayService, NodeIdentity, ServiceClient } from '@robustmq/rpc';
import type { Timers } from '@robustmq/runtime';
import type { Boundary } from '../boundary.ts';
import { BatchedCall } from '../store/batched-call.ts';
import { placesOf } from '../store/session-rows.ts';
import type { OldSession, Stopped } from '../session/takeovers.ts';

/** Who asks. */
export interface Asker {
  readonly identity: Pick<NodeIdentity, 'nodeId' | 'incarnation' | 'directoryId'>;
  readonly timers: Pick<Timers, 'soon' | 'after'>;
  readonly boundary: Pick<Boundary, 'failed'>;
}

const TIMEOUT_MS = 500;
/** What is handed over of so many sessions fits one answer. */
const LIMITS = { maxBatch: 16, maxCalls: 8, maxWaiting: 200_000 };

/** Requests to one gateway. */
export class StopRequests {
  readonly #calls: BatchedCall<OldSession, Stopped>;

  constructor(
    calls: Pick<ServiceClient<typeof GatewayService>, 'takeOver'>,
    { identity, timers, boundary }: Asker,
  ) {
    const send = async (sessions: readonly OldSession[]): Promise<Stopped[]> => {
      const request = { newOwner: identity, sessions: [...sessions] };
      const { stopped, handovers } = await calls.takeOver(request, { timeoutMs: TIMEOUT_MS });
      return sessions.map((_session, index) => {
        const places = handovers[index]?.places;
        return { hasStopped: stopped[index] ?? false, places: places && placesOf(places) };
      });
    };
    const failed = (thrown: unknown, where: string): void => boundary.failed(thrown, where);
    this.#calls = new BatchedCall(send, { ...LIMITS, timers, failed });
  }

  /** Asks once; null when there is no answer. */
  ask(session: OldSession): Promise<Stopped | null> {
    return new Promise((resolve) => {
      this.#calls.add(session, (error: BrokerError | undefined, stopped) =>
        resolve(error === undefined ? (stopped ?? null) : null),
      );
    });
  }
}
