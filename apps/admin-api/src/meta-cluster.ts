// The cluster behind the API: reads from the watched view, commands to meta-service.
import { BrokerError } from '@robustmq/errors';
import { UserCredentials } from '@robustmq/access-control';
import {
  toNumber,
  type MetaClient,
  type NodeView,
  type Registration,
  type StreamView,
} from '@robustmq/meta-client';
import {
  createClient,
  FEATURE_LEVEL,
  fromFailure,
  GatewayService,
  JournalService,
  ServiceKind,
  type GroupSummary,
  type SessionHead,
  type SessionSummary,
} from '@robustmq/rpc';
import { systemClock, type Log } from '@robustmq/runtime';
import { JournalHealth, type JournalAddress, type JournalTroubles } from './journal-health.ts';
import type {
  Cluster,
  GroupOverview,
  HealthProblem,
  NodeOverview,
  SessionOverview,
  StreamOverview,
} from './ports.ts';

/** CreateStream waits for every gateway to route by the new stream; a gateway that died holds it up for its lease. */
const CREATE_TIMEOUT_MS = 15_000;
const VIEW_TIMEOUT_MS = 5_000;
/** A journal-server that does not say in this time how it is, is not well. */
const JOURNAL_TIMEOUT_MS = 1_000;
/** A gateway that hears nothing for so long learns of a dropped session at its next write. */
const END_SESSION_TIMEOUT_MS = 1_000;

const KIND_NAMES: Record<ServiceKind, NodeOverview['kind']> = {
  [ServiceKind.UNSPECIFIED]: 'unknown',
  [ServiceKind.META]: 'meta-service',
  [ServiceKind.JOURNAL]: 'journal-server',
  [ServiceKind.MQTT_GATEWAY]: 'mqtt-gateway',
  [ServiceKind.KAFKA_GATEWAY]: 'kafka-gateway',
  [ServiceKind.ADMIN_API]: 'admin-api',
  [ServiceKind.RULE_ENGINE]: 'rule-engine',
};

function diskProblems({ diskIsFull }: MetaClient): HealthProblem[] {
  return diskIsFull ? [{ name: 'disk', detail: 'meta-service: nearly full, what grows is refused' }] : [];
}

/**
 * Binds the API's port to a meta client.
 * @param identity who asks, by the lease that is held now; throws `unavailable` without one
 */
export function metaCluster(
  meta: MetaClient,
  identity: () => Registration['identity'],
  log: Pick<Log, 'warn'>,
): Cluster {
  const { view } = meta;
  const journals = journalHealth(meta);
  return {
    ready: () => view.ready,
    snapshot: () => ({
      clusterId: view.clusterId,
      revision: view.revision,
      featureLevel: { used: view.featureLevel, known: FEATURE_LEVEL },
      nodes: [...view.nodes.values()].map(nodeOverview),
      streams: [...view.streams.values()].map(streamOverview),
      users: [...view.users.values()].map(({ tenant, name, superuser }) => ({ tenant, name, superuser })),
    }),
    storageProblems: async () => [...diskProblems(meta), ...(await journals.problems())],
    ...streamCommands(meta),
    ...userCommands(meta),
    raiseFeatureLevel: async (level) => {
      const request = { requestId: meta.requestId(), level };
      const answer = await meta.persist(() => meta.cluster.raiseFeatureLevel(request));
      await seen(meta, answer);
    },
    ...sessionCommands(meta, identity, log),
    listGroups: async (tenant, afterGroupId, limit) => {
      const page = await meta.persist(() => meta.groups.listGroups({ tenant, afterGroupId, limit }));
      return { items: page.groups.map(groupOverview), more: page.more };
    },
  };
}

/** Waits until the view has what a command changed, so that its caller reads its own write. */
async function seen({ view }: MetaClient, answer: { readonly revision: bigint }): Promise<void> {
  await view.waitForRevision(toNumber(answer.revision), VIEW_TIMEOUT_MS);
}

function streamCommands(meta: MetaClient): Pick<Cluster, 'createStream' | 'deleteStream'> {
  return {
    createStream: async ({ tenant, name, shards, config }) => {
      const request = {
        requestId: meta.requestId(),
        tenant,
        name,
        shards,
        config: { ...config },
        waitForOwnership: true,
      };
      const answer = await meta.persist(() =>
        meta.cluster.createStream(request, { timeoutMs: CREATE_TIMEOUT_MS }),
      );
      await seen(meta, answer);
      const stream = meta.view.streamByName(tenant, name);
      if (stream === undefined) throw new BrokerError('not_found', `stream ${name} was deleted meanwhile`);
      return streamOverview(stream);
    },
    deleteStream: async (tenant, name) => {
      const request = { requestId: meta.requestId(), tenant, name };
      const answer = await meta.persist(() => meta.cluster.deleteStream(request));
      await seen(meta, answer);
    },
  };
}

function userCommands(meta: MetaClient): Pick<Cluster, 'putUser' | 'deleteUser'> {
  return {
    putUser: async ({ tenant, name, superuser, password }, createOnly) => {
      const user = { tenant, name, superuser, ...(await UserCredentials.of(password)) };
      const request = { requestId: meta.requestId(), user, createOnly };
      const answer = await meta.persist(() => meta.cluster.putUser(request));
      await seen(meta, answer);
    },
    deleteUser: async (tenant, name) => {
      const request = { requestId: meta.requestId(), tenant, name };
      const answer = await meta.persist(() => meta.cluster.deleteUser(request));
      await seen(meta, answer);
    },
  };
}

/** Sessions belong to no view: they are read and changed in meta-service. */
function sessionCommands(
  meta: MetaClient,
  identity: () => Registration['identity'],
  log: Pick<Log, 'warn'>,
): Pick<Cluster, 'listSessions' | 'dropSession' | 'reassignSession'> {
  return {
    listSessions: async (tenant, clientIdPrefix, afterClientId, limit) => {
      const request = { tenant, clientIdPrefix, afterClientId, limit };
      const page = await meta.persist(() => meta.sessions.listSessions(request));
      return { items: page.sessions.map(sessionOverview), more: page.more };
    },
    dropSession: async (tenant, clientId) => {
      const session = { tenant, clientId };
      const request = { node: identity(), requestId: meta.requestId(), sessions: [session] };
      const { outcomes } = await meta.persist(() => meta.sessions.dropSessions(request));
      const [outcome] = outcomes;
      const failure = fromFailure(outcome?.failure);
      if (failure !== undefined) throw failure;
      if (outcome?.dropped?.connected === true) await endConnection(meta, outcome.dropped, log);
      const { connected = false, ownerNodeId: gateway = '' } = outcome?.dropped ?? {};
      return { ...session, connected, gateway };
    },
    reassignSession: async (tenant, clientId, user) => {
      if (user !== null && meta.view.user(tenant, user) === undefined)
        throw new BrokerError('not_found', `no user ${user}`);
      const request = {
        node: identity(),
        requestId: meta.requestId(),
        session: { tenant, clientId },
        ...(user !== null && { principal: { tenant, name: user } }),
      };
      await meta.persist(() => meta.sessions.reassignSession(request));
    },
  };
}

function journalHealth(meta: MetaClient): JournalHealth {
  return new JournalHealth({
    journals: () =>
      meta.view
        .liveNodes(ServiceKind.JOURNAL)
        .flatMap(({ nodeId, endpoints: { grpc: address } }) =>
          address === undefined ? [] : [{ nodeId, address }],
        ),
    troublesOf: (journal) => troublesOf(meta, journal),
    nowMs: () => systemClock.monotonicMs(),
  });
}

async function troublesOf(meta: MetaClient, { address }: JournalAddress): Promise<JournalTroubles> {
  const journal = createClient(JournalService, { address, credentials: meta.credentials });
  try {
    const request = { onlyFailed: true };
    const { shards, diskFull } = await journal.describeShards(request, { timeoutMs: JOURNAL_TIMEOUT_MS });
    const failedShards = shards.map(({ marks, failure }) => ({
      streamId: marks?.streamId ?? 0,
      shard: marks?.shard ?? 0,
      reason: failure?.message ?? '',
    }));
    return { failedShards, diskIsFull: diskFull };
  } finally {
    journal.close();
  }
}

/** Tells the gateway that serves a session which was dropped; one that can't be asked has lost it at its next write anyhow. */
async function endConnection(meta: MetaClient, dropped: SessionHead, log: Pick<Log, 'warn'>): Promise<void> {
  const { key, ownerNodeId, ownerIncarnation } = dropped;
  const owner = meta.view.nodes.get(ownerNodeId);
  const address = owner?.endpoints['grpc'];
  if (key === undefined || address === undefined || owner?.incarnation !== toNumber(ownerIncarnation)) return;
  const { tenant, clientId, epoch } = key;
  const gateway = createClient(GatewayService, { address, credentials: meta.credentials });
  try {
    const request = { sessions: [{ tenant, clientId, epoch }] };
    await gateway.endSessions(request, { timeoutMs: END_SESSION_TIMEOUT_MS });
  } catch (err) {
    log.warn(
      { err, gateway: ownerNodeId, client_id: clientId },
      'a gateway could not be told of a dropped session',
    );
  } finally {
    gateway.close();
  }
}

function nodeOverview(node: NodeView): NodeOverview {
  const { nodeId, incarnation, live, endpoints, version, registeredAtMs } = node;
  return { nodeId, kind: KIND_NAMES[node.kind], incarnation, live, endpoints, version, registeredAtMs };
}

function streamOverview(stream: StreamView): StreamOverview {
  const { streamId, tenant, name, ownershipActive, internal, config, createdAtMs } = stream;
  return {
    streamId,
    tenant,
    name,
    topicId: Buffer.from(stream.topicId.replaceAll('-', ''), 'hex').toString('base64url'),
    mqttFilter: stream.mqttFilter === '' ? null : stream.mqttFilter,
    ownershipActive,
    internal,
    config,
    createdAtMs,
    shards: stream.shards.map((row) => ({
      shard: row.shard,
      leader: row.leader === '' ? null : row.leader,
      leaderEpoch: row.leaderEpoch,
      replicas: row.replicas.map(({ nodeId }) => nodeId),
      isr: row.isr.map(({ nodeId }) => nodeId),
    })),
  };
}

function sessionOverview({ head, subscriptions }: SessionSummary): SessionOverview {
  return {
    tenant: head?.key?.tenant ?? '',
    clientId: head?.key?.clientId ?? '',
    connected: head?.connected ?? false,
    gateway: head?.ownerNodeId ?? '',
    epoch: toNumber(head?.key?.epoch ?? 0n),
    expiryIntervalS: head?.expiryIntervalS ?? 0,
    // Bits 0 and 1 of the subscription options are the maximum QoS.
    subscriptions: subscriptions.map(({ filter, options }) => ({ filter, qos: options & 3 })),
  };
}

function groupOverview(group: GroupSummary): GroupOverview {
  const claim = group.claim;
  return {
    groupId: group.group?.groupId ?? '',
    state: group.state,
    protocolType: group.protocolType,
    coordinator: claim?.live === true ? claim.coordinatorNodeId : null,
  };
}
