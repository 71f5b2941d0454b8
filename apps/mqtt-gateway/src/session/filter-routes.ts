// Where a subscription is known on this gateway: in the routes of its tenant, in the mesh, and, by its use of the registry,
// in the journals' tails.

import { eachInTurns, type Turns } from '@robustmq/runtime';
import type { TopicRoutes } from '../delivery/topic-route.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { ClientSession } from './client-session.ts';

/** Routes here and in the other gateways. */
export interface FilterRoutes {
  routesOf(tenant: string): TopicRoutes;
  addMeshFilter(tenant: string, filter: string): void;
  removeMeshFilter(tenant: string, filter: string): void;
  /** Waits until the other gateways route what the mesh serves by now (rule S6); bounded. */
  meshReady(callback: () => void): void;
}

/** Takes one subscription of a session out of routing. */
export function removeRoute(routes: FilterRoutes, tenant: string, subscription: Subscription): void {
  routes.routesOf(tenant).remove(subscription);
  subscription.use?.release();
  routes.removeMeshFilter(tenant, subscription.filter);
}

/** Takes all of them out, in turns (N8): a session that has ended takes nothing meanwhile. */
export function removeRoutes(
  routes: FilterRoutes,
  { identity, subscriptions }: ClientSession,
  turns: Turns,
): void {
  eachInTurns(subscriptions.values(), turns, (subscription) =>
    removeRoute(routes, identity.tenant, subscription),
  );
}
