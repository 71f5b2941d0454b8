// The brokers that clients see are the live kafka-gateways: any of them serves any partition, so "leader" is only a
// stable way to spread connections.
import { murmur2 } from '@robustmq/bytes';
import type { RequestContext } from './context.ts';
import type { BrokerView } from './ports.ts';

/** A broker as answers name it. */
export interface Endpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/**
 * Where this client reaches a gateway. For the gateway it talks to that is the configured advertised address, or else
 * the address it dialled, which works through port forwards and NAT without configuration.
 */
export function endpointOf(broker: BrokerView, context: RequestContext): Endpoint {
  const { gateway, connection } = context;
  if (broker.nodeId !== gateway.cluster.selfNodeId) {
    return { nodeId: broker.number, ...parseAddress(broker.address), rack: broker.rack };
  }
  const advertised = gateway.settings.advertisedAddress;
  const host = advertised?.host ?? connection.localHost;
  const port = advertised?.port ?? connection.localPort;
  return { nodeId: broker.number, host, port, rack: broker.rack };
}

/** Splits host:port; an IPv6 host may stand in brackets. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** Brokers by descending rendezvous weight for the key: the first one moves only when it goes itself. */
export function rendezvousOrder(brokers: readonly BrokerView[], key: string): BrokerView[] {
  return brokers
    .map((broker) => ({ broker, weight: murmur2(Buffer.from(`${key}/${broker.nodeId}`)) >>> 0 }))
    .sort((a, b) => b.weight - a.weight || a.broker.number - b.broker.number)
    .map(({ broker }) => broker);
}

/**
 * The broker ids of a partition: the leader first, then as many others as the partition has journal replicas, as far
 * as there are gateways. Journal-servers are no brokers, so their ids mean nothing to clients.
 */
export function partitionBrokers(
  brokers: readonly BrokerView[],
  streamId: number,
  shard: number,
  replicaCount: number,
): number[] {
  return rendezvousOrder(brokers, `${streamId}-${shard}`)
    .slice(0, Math.max(1, replicaCount))
    .map(({ number }) => number);
}
