// The cluster group as plain values: numbers instead of bigint, maps instead of repeated rows (decision 6).
import { BrokerError } from '@robustmq/errors';
import {
  type ServiceKind,
  type Node as NodeMessage,
  type Stream as StreamMessage,
  type User as UserMessage,
} from '@robustmq/rpc';

/** A process, live or ended. */
export interface NodeView {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly directoryId: string;
  readonly kind: ServiceKind;
  /** Name of an endpoint ("grpc", "mqtt", "ws", "kafka", "ops") to host:port. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly zone: string;
  readonly live: boolean;
  readonly registeredAtMs: number;
  /** Small and stable: the Kafka broker id of a gateway. */
  readonly number: number;
  readonly ownershipEpoch: number;
  /** This incarnation's own producer ids: [base, base + count). */
  readonly producerIdBase: number;
  readonly producerIdCount: number;
  readonly version: string;
}

/** Makes the view of a node's row. */
export const NodeView = {
  of(message: NodeMessage): NodeView {
    return {
      nodeId: message.identity?.nodeId ?? '',
      incarnation: toNumber(message.identity?.incarnation ?? 0n),
      directoryId: message.identity?.directoryId ?? '',
      kind: message.kind,
      endpoints: message.endpoints,
      zone: message.zone,
      live: message.live,
      registeredAtMs: toNumber(message.registeredAtMs),
      number: message.number,
      ownershipEpoch: toNumber(message.ownershipEpoch),
      producerIdBase: toNumber(message.producerIdBase),
      producerIdCount: message.producerIdCount,
      version: message.version,
    };
  },
} as const;

/** A copy of a shard. */
export interface ReplicaView {
  readonly nodeId: string;
  readonly directoryId: string;
}

/** A run of a replica that is in sync. */
export interface IsrMemberView {
  readonly nodeId: string;
  readonly incarnation: number;
}

/** A partition. */
export interface ShardView {
  readonly shard: number;
  readonly leaderEpoch: number;
  /** Node id; empty while nobody leads. */
  readonly leader: string;
  readonly leaderIncarnation: number;
  readonly replicas: readonly ReplicaView[];
  readonly isr: readonly IsrMemberView[];
  readonly isrVersion: number;
}

/** A stream, which is a Kafka topic. */
export interface StreamView {
  readonly streamId: number;
  readonly tenant: string;
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  /** Empty: it owns no MQTT topic. */
  readonly mqttFilter: string;
  readonly shardsAtCreation: number;
  readonly shards: readonly ShardView[];
  /** Kafka's topic id as a UUID in hex with dashes. */
  readonly topicId: string;
  readonly createdAtMs: number;
  readonly ownershipEpoch: number;
  readonly ownershipActive: boolean;
  readonly internal: boolean;
}

/** Makes the view of a stream's row. */
export const StreamView = {
  of(message: StreamMessage): StreamView {
    return {
      streamId: message.streamId,
      tenant: message.tenant,
      name: message.name,
      config: message.config,
      mqttFilter: message.mqttFilter,
      shardsAtCreation: message.shardsAtCreation,
      shards: message.shards.map((shard) => ({
        shard: shard.shard,
        leaderEpoch: shard.leaderEpoch,
        leader: shard.leader,
        leaderIncarnation: toNumber(shard.leaderIncarnation),
        replicas: shard.replicas.map(({ nodeId, directoryId }) => ({ nodeId, directoryId })),
        isr: shard.isrMembers.map(({ nodeId, incarnation }) => ({
          nodeId,
          incarnation: toNumber(incarnation),
        })),
        isrVersion: shard.isrVersion,
      })),
      topicId: uuidText(message.topicId),
      createdAtMs: toNumber(message.createdAtMs),
      ownershipEpoch: toNumber(message.ownershipEpoch),
      ownershipActive: message.ownershipActive,
      internal: message.internal,
    };
  },
} as const;

/** A user and how to verify one. */
export interface UserView {
  readonly tenant: string;
  readonly name: string;
  readonly passwordHash: string;
  readonly superuser: boolean;
}

/** Makes the view of a user's row. */
export const UserView = {
  of({ tenant, name, passwordHash, superuser }: UserMessage): UserView {
    return { tenant, name, passwordHash, superuser };
  },
} as const;

/** One change of the view, with what it replaced. */
export type ViewChange =
  | { readonly kind: 'node'; readonly node: NodeView; readonly previous: NodeView | undefined }
  | { readonly kind: 'nodeDeleted'; readonly node: NodeView }
  | { readonly kind: 'stream'; readonly stream: StreamView; readonly previous: StreamView | undefined }
  | { readonly kind: 'streamDeleted'; readonly stream: StreamView }
  | { readonly kind: 'user'; readonly user: UserView }
  | { readonly kind: 'userDeleted'; readonly user: UserView }
  | { readonly kind: 'config'; readonly key: string; readonly value: string | undefined }
  | { readonly kind: 'ownershipEpoch'; readonly ownershipEpoch: number }
  | { readonly kind: 'featureLevel'; readonly featureLevel: number };

/** A 64-bit id or time as a number. @throws BrokerError `out_of_range` beyond the safe integers. */
export function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new BrokerError('out_of_range', `${value} is beyond the safe integers`);
  return number;
}

/** Kafka's topic id as a UUID in hex with dashes. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
