// Copies of messages in the log while debug lines are wanted, by the client that gets them.

import type { DeliveryDebug } from '../delivery/deliverer.ts';
import type { Log } from '@robustmq/runtime';
import { ClientSession } from './client-session.ts';

/** Where the lines go, and whether they are wanted. */
export interface DebugLines {
  readonly debug: { readonly isOn: boolean };
  readonly log: Log;
}

/** Lines per copy. */
export function deliveryDebug({ debug, log }: DebugLines): DeliveryDebug {
  return {
    get isOn() {
      return debug.isOn;
    },
    copy(session, topic, outcome) {
      if (!(session instanceof ClientSession)) return;
      const { clientId, tenant } = session.identity;
      log.debug({ client_id: clientId, tenant, topic, outcome }, 'delivery');
    },
  };
}
