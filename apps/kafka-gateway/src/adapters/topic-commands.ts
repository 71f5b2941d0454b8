// Commands on topics through meta-client. Each waits until this gateway's own view shows the change, so that the next
// request of the same client does, too.
import { BrokerError } from '@robustmq/errors';
import { toNumber, type MetaClient, StreamView } from '@robustmq/meta-client';
import { systemClock, systemTimers, type Clock, type Timers } from '@robustmq/runtime';
import type { ClusterAdapter } from './cluster-adapter.ts';
import { CreationPause } from './creation-pause.ts';
import type { CreateTopic, TopicCommandsPort, TopicView } from '../ports.ts';

const VIEW_TIMEOUT_MS = 5_000;
const LEADER_TIMEOUT_MS = 5_000;
const LEADER_POLL_MS = 10;

/** What time is to a command: how long it waits for leaders. */
export interface TopicCommandsTime {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
}

/** The part of {@link MetaClient} that commands on topics need. */
export type TopicCommandsMeta = Pick<MetaClient, 'cluster' | 'persist' | 'requestId'> & {
  readonly view: Pick<MetaClient['view'], 'waitForRevision' | 'onChange'>;
};

type TopicsView = Pick<ClusterAdapter, 'topicByStreamId' | 'viewOf'>;

const SYSTEM_TIME: TopicCommandsTime = { clock: systemClock, timers: systemTimers };

/** See the file head. */
export class TopicCommands implements TopicCommandsPort {
  readonly #meta: TopicCommandsMeta;
  readonly #cluster: TopicsView;
  readonly #tenant: string;
  readonly #time: TopicCommandsTime;
  readonly #creations: CreationPause;

  constructor(meta: TopicCommandsMeta, cluster: TopicsView, tenant: string, time = SYSTEM_TIME) {
    this.#time = time;
    this.#creations = new CreationPause(time.clock);
    this.#meta = meta;
    this.#cluster = cluster;
    this.#tenant = tenant;
  }

  async createTopic(asked: CreateTopic): Promise<TopicView> {
    const request = {
      requestId: this.#meta.requestId(),
      tenant: this.#tenant,
      name: asked.name,
      shards: asked.partitions,
      replicationFactor: asked.replicationFactor,
      config: { ...asked.config },
      validateOnly: asked.validateOnly,
      waitForOwnership: !asked.validateOnly,
      autoCreated: asked.autoCreated,
    };
    const { stream, revision } = await this.#paced(
      asked.validateOnly ? 0 : Math.max(1, asked.partitions),
      () => this.#meta.cluster.createStream(request, { timeoutMs: asked.timeoutMs }),
    );
    if (stream === undefined) throw new BrokerError('internal', 'meta created a stream and did not show it');
    if (asked.validateOnly) return this.#cluster.viewOf(StreamView.of(stream));
    await this.#meta.view.waitForRevision(toNumber(revision), VIEW_TIMEOUT_MS);
    return this.#withLeaders(stream.streamId, asked.name);
  }

  /** Makes so many shards, if they are not made too fast. */
  async #paced<T>(shards: number, command: () => Promise<T>): Promise<T> {
    if (shards > 0) this.#creations.check(shards);
    try {
      return await this.#meta.persist(command);
    } catch (error) {
      this.#creations.failed(shards, error);
      throw error;
    }
  }

  /** Clients produce right after the answer; a leader is there within a moment, or the answer goes without it. */
  async #withLeaders(streamId: number, name: string): Promise<TopicView> {
    const { clock } = this.#time;
    const untilMs = clock.monotonicMs() + LEADER_TIMEOUT_MS;
    for (;;) {
      const topic = this.#cluster.topicByStreamId(streamId);
      if (topic === undefined) throw new BrokerError('not_found', `topic ${name} was deleted meanwhile`);
      if (topic.partitions.every(({ hasLeader }) => hasLeader) || clock.monotonicMs() > untilMs) return topic;
      await this.#nextChange();
    }
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        stop();
        resolve();
      };
      // The view may have moved on before anyone listened, so it is looked at again soon.
      const cancel = this.#time.timers.after(LEADER_POLL_MS, done);
      const stop = this.#meta.view.onChange(done);
    });
  }

  async deleteTopic({ streamId, name }: TopicView): Promise<void> {
    const request = { requestId: this.#meta.requestId(), tenant: this.#tenant, name, streamId };
    const { revision } = await this.#meta.persist(() => this.#meta.cluster.deleteStream(request));
    await this.#meta.view.waitForRevision(toNumber(revision), VIEW_TIMEOUT_MS);
  }

  async addPartitions(
    { streamId, partitions }: TopicView,
    totalShards: number,
    validateOnly: boolean,
  ): Promise<void> {
    const request = { requestId: this.#meta.requestId(), streamId, totalShards, validateOnly };
    const newShards = validateOnly ? 0 : Math.max(0, totalShards - partitions.length);
    const { revision } = await this.#paced(newShards, () => this.#meta.cluster.addShards(request));
    if (!validateOnly) await this.#meta.view.waitForRevision(toNumber(revision), VIEW_TIMEOUT_MS);
  }

  async alterConfig(
    { streamId }: TopicView,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
    validateOnly: boolean,
  ): Promise<void> {
    const request = {
      requestId: this.#meta.requestId(),
      streamId,
      set: { ...set },
      remove: [...remove],
      validateOnly,
    };
    const { revision } = await this.#meta.persist(() => this.#meta.cluster.alterStreamConfig(request));
    if (!validateOnly) await this.#meta.view.waitForRevision(toNumber(revision), VIEW_TIMEOUT_MS);
  }

  async allocateProducerIds(count: number): Promise<{ readonly base: number; readonly count: number }> {
    const request = { requestId: this.#meta.requestId(), count };
    const given = await this.#meta.persist(() => this.#meta.cluster.allocateProducerIds(request));
    return { base: toNumber(given.base), count: given.count };
  }
}
