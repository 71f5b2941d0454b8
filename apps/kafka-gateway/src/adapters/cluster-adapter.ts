// The cluster as meta-client watches it, in Kafka's words.
import { assert } from '@robustmq/errors';
import type { ClusterView, Registration, StreamView, ViewChange } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';
import type { BrokerView, ClusterViewPort, TopicView } from '../ports.ts';
import { CollidingNames } from '../topic-name.ts';

/** Endpoint under which a kafka-gateway registers what its clients dial. */
export const KAFKA_ENDPOINT = 'kafka';

/** See the file head. Rows of the view are replaced, never changed, so what is made of one is kept with it. */
export class ClusterAdapter implements ClusterViewPort {
  readonly #view: ClusterView;
  readonly #tenant: string;
  readonly #topics = new WeakMap<StreamView, TopicView>();
  readonly #collidingNames = new CollidingNames();
  #brokers: readonly BrokerView[] | undefined;
  #registration: Registration | undefined;

  constructor(view: ClusterView, tenant: string) {
    this.#view = view;
    this.#tenant = tenant;
    for (const stream of view.streams.values()) this.#names(stream)?.add(stream.name);
    view.onChange((changes) => {
      for (const change of changes) this.#follow(change);
    });
  }

  #follow(change: ViewChange): void {
    switch (change.kind) {
      case 'node':
      case 'nodeDeleted':
        this.#brokers = undefined;
        break;
      case 'stream':
        if (change.previous === undefined) this.#names(change.stream)?.add(change.stream.name);
        break;
      case 'streamDeleted':
        this.#names(change.stream)?.delete(change.stream.name);
        break;
      default:
    }
  }

  #names(stream: StreamView): CollidingNames | undefined {
    return stream.tenant === this.#tenant ? this.#collidingNames : undefined;
  }

  /** Sets who this process is; a new incarnation may come after a lost lease. */
  registered(registration: Registration): void {
    this.#registration = registration;
  }

  #self(): Registration {
    assert(this.#registration !== undefined, 'the gateway serves only once it is registered');
    return this.#registration;
  }

  get selfNumber(): number {
    return this.#self().node.number;
  }

  get selfNodeId(): string {
    return this.#self().node.nodeId;
  }

  get clusterId(): string {
    // In Kafka's text form of a UUID, which is 22 characters.
    return base64Uuid(this.#view.clusterId);
  }

  topicByName(name: string): TopicView | undefined {
    return this.#topic(this.#view.streamByName(this.#tenant, name));
  }

  topicById(topicId: string): TopicView | undefined {
    return this.#topic(this.#view.streamByTopicId(dashedHex(topicId)));
  }

  topicByStreamId(streamId: number): TopicView | undefined {
    return this.#topic(this.#view.streams.get(streamId));
  }

  topics(): TopicView[] {
    const topics: TopicView[] = [];
    for (const stream of this.#view.streams.values()) {
      const topic = this.#topic(stream);
      if (topic !== undefined) topics.push(topic);
    }
    return topics;
  }

  collidingTopic(name: string): string | undefined {
    return this.#collidingNames.find(name);
  }

  /** A row that is not in the view: what validate-only commands answer. */
  viewOf(stream: StreamView): TopicView {
    return topicView(stream);
  }

  /** Another tenant's streams do not exist here (I10). */
  #topic(stream: StreamView | undefined): TopicView | undefined {
    if (stream === undefined || stream.tenant !== this.#tenant) return undefined;
    let topic = this.#topics.get(stream);
    if (topic === undefined) {
      topic = topicView(stream);
      this.#topics.set(stream, topic);
    }
    return topic;
  }

  brokers(): readonly BrokerView[] {
    this.#brokers ??= this.#view
      .liveNodes(ServiceKind.KAFKA_GATEWAY)
      .map((node) => ({
        nodeId: node.nodeId,
        incarnation: node.incarnation,
        number: node.number,
        address: node.endpoints[KAFKA_ENDPOINT] ?? '',
        rack: node.zone === '' ? null : node.zone,
      }))
      .sort((a, b) => a.number - b.number);
    return this.#brokers;
  }

  config(key: string): string | undefined {
    return this.#view.config.get(key);
  }
}

function topicView(stream: StreamView): TopicView {
  return {
    streamId: stream.streamId,
    name: stream.name,
    topicId: base64Uuid(stream.topicId),
    internal: stream.internal,
    config: stream.config,
    defaults: stream.mqttFilter === '' ? {} : { 'mqtt.filter': stream.mqttFilter },
    partitions: stream.shards.map((shard) => ({
      shard: shard.shard,
      leaderEpoch: shard.leaderEpoch,
      hasLeader: shard.leader !== '',
      replicaCount: shard.replicas.length,
      isrCount: shard.isr.length,
    })),
  };
}

function base64Uuid(dashed: string): string {
  return Buffer.from(dashed.replaceAll('-', ''), 'hex').toString('base64url');
}

/** Kafka's text form of a UUID as meta-client writes it. */
function dashedHex(topicId: string): string {
  const hex = Buffer.from(topicId, 'base64url').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
