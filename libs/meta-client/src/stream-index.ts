// Other ways to find a stream than its id.
import type { StreamView } from './model.ts';

/** Streams by name and by Kafka's topic id. */
export class StreamIndex {
  readonly #byName = new Map<string, StreamView>();
  readonly #byTopicId = new Map<string, StreamView>();

  byName(tenant: string, name: string): StreamView | undefined {
    return this.#byName.get(nameKey(tenant, name));
  }

  byTopicId(topicId: string): StreamView | undefined {
    return this.#byTopicId.get(topicId);
  }

  put(stream: StreamView): void {
    this.#byName.set(nameKey(stream.tenant, stream.name), stream);
    this.#byTopicId.set(stream.topicId, stream);
  }

  delete(stream: StreamView): void {
    this.#byTopicId.delete(stream.topicId);
    // The name may belong to a younger stream already.
    const key = nameKey(stream.tenant, stream.name);
    if (this.#byName.get(key)?.streamId === stream.streamId) this.#byName.delete(key);
  }
}

/** Key of what has a name within a tenant. */
export function nameKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}
