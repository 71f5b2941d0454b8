// Which MQTT topic a record has (design section 5): the stream's filter if it is one exact topic, else its key if that is
// a Topic Name that the stream owns, else none.

import { isMqttString, TopicCache } from '@robustmq/mqtt-codec';
import { topicFilter, topicName } from '@robustmq/mqtt-topics';
import type { RecordCursor } from '@robustmq/record-batch';
import type { RoutedStream, TopicRoute, TopicRoutes } from './topic-route.ts';

/** Where the records of a batch come from: the routes of a tenant, and the stream; null for what is in no log. */
export interface RecordSource {
  readonly stream: RoutedStream | null;
  readonly routes: TopicRoutes;
}

/** Finds the routes of records; shared by all walks of a gateway. */
export class RecordTopics {
  readonly #topics = new TopicCache();
  readonly #exactFilters = new WeakMap<RoutedStream, boolean>();

  /** Null when the record is not visible to MQTT. `isTrusted`: a gateway has checked its topic and owner. */
  routeOf(record: RecordCursor, { stream, routes }: RecordSource, isTrusted: boolean): TopicRoute | null {
    if (stream !== null && this.#isExact(stream)) return routes.get(stream.mqttFilter);
    const { buffer, keyStart, keyEnd } = record;
    if (keyStart < 0) return null;
    let topic = this.#topics.lookup(buffer, keyStart, keyEnd);
    if (topic === undefined) {
      // Also of our own gateways: what is no MQTT string would end every connection that gets it (N12).
      if (!isMqttString(buffer, keyStart, keyEnd)) return null;
      topic = buffer.toString('utf8', keyStart, keyEnd);
      if (topicName.problem(topic) !== undefined) return null;
      this.#topics.keep(buffer, keyStart, keyEnd, topic);
    }
    if (!isTrusted && topicName.isSystem(topic)) return null;
    const route = routes.get(topic);
    return isTrusted || route.stream?.streamId === stream?.streamId ? route : null;
  }

  #isExact(stream: RoutedStream): boolean {
    let isExact = this.#exactFilters.get(stream);
    if (isExact === undefined) {
      isExact = !stream.isDefault && !topicFilter.hasWildcard(stream.mqttFilter);
      this.#exactFilters.set(stream, isExact);
    }
    return isExact;
  }
}
