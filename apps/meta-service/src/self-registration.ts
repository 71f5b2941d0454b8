// meta-service is a node as well: visible, with an incarnation, and a lease that it renews without a call. A lease that is lost
// all the same, because somebody registered under its name, ends nothing here but that incarnation.
import { BrokerError } from '@robustmq/errors';
import {
  Incarnations,
  toNumber,
  type NodeDescription,
  type Registration,
  NodeView,
} from '@robustmq/meta-client';
import { FEATURE_LEVEL, RegisterNodeRequestSchema } from '@robustmq/rpc';
import { create } from '@bufbuild/protobuf';
import type { Log, Timers } from '@robustmq/runtime';
import type { Meta } from './meta.ts';

/** What a registration of this process is made of. */
export interface SelfRegistrationParts {
  readonly meta: Pick<Meta, 'register' | 'leases' | 'endNodes'>;
  readonly description: NodeDescription;
  readonly renewIntervalMs: number;
  readonly timers: Timers;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
}

/** Incarnations of this process, one after the other; nothing of it depends on which. */
export function selfIncarnations(parts: SelfRegistrationParts): Incarnations<undefined> {
  return new Incarnations<undefined>({
    meta: {
      // What it registered is applied when it is answered, and nobody routes here.
      view: { ownershipEpoch: 0, waitForRevision: () => Promise.resolve(), onChange: () => () => undefined },
      register: (description, onLost) => registered(parts, description, onLost),
      acknowledgeOwnership: () => Promise.resolve(),
    },
    description: parts.description,
    log: parts.log,
    timers: parts.timers,
    begin: () => undefined,
    end: () => undefined,
    acknowledgesOwnership: false,
  });
}

async function registered(
  { meta, timers, renewIntervalMs }: SelfRegistrationParts,
  description: NodeDescription,
  onLost: (reason: string) => void,
): Promise<Registration> {
  const request = create(RegisterNodeRequestSchema, { ...description, featureLevel: FEATURE_LEVEL });
  const { node, revision } = await meta.register(request);
  const identity = node?.identity;
  if (node === undefined || identity === undefined)
    throw new BrokerError('internal', 'registration without identity');
  let held = true;
  const stop = (): void => {
    held = false;
    cancel();
  };
  const cancel = timers.every(renewIntervalMs, () => {
    try {
      meta.leases.renew(identity);
    } catch (thrown) {
      stop();
      onLost(BrokerError.from(thrown).message);
    }
  });
  return {
    node: NodeView.of(node),
    identity,
    revision: toNumber(revision),
    get held() {
      return held;
    },
    release: async () => {
      stop();
      await meta.endNodes([identity]);
    },
  };
}
