// Ties an API of the codec to its handler, with the request and response types that belong together.
import { API_MESSAGES, type ApiKey, type KafkaReader, type KafkaWriter } from '@robustmq/kafka-codec';
import { claimedAnswer, isUnclaimed, noRoom } from './bounded-answer.ts';
import type { RequestContext } from './context.ts';
import type { Overlap } from './overlap.ts';

/** The request of an API as handlers get it. */
export type RequestOf<K extends ApiKey> = ReturnType<(typeof API_MESSAGES)[K]['readRequest']>;
/** The response of an API as handlers build it. */
export type ResponseOf<K extends ApiKey> = Parameters<(typeof API_MESSAGES)[K]['writeResponse']>[2];

/** Writes the body of a response. */
export type WriteBody = (writer: KafkaWriter) => void;

/** What a handler returns instead of a response when none is to be sent (acks=0). */
export const NO_RESPONSE = Symbol('no response');

/** One served API. */
export interface ApiRow {
  readonly apiKey: ApiKey;
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly overlap: Overlap;
  readonly answer: AnswerBound;
  /**
   * Reads the request (throws BrokerError malformed) and starts its handler. Undefined when the turn was spent before it was
   * read: then it is called again, with the same body.
   */
  run(body: KafkaReader, context: RequestContext): Promise<WriteBody | typeof NO_RESPONSE> | undefined;
  readonly access: readonly AccessRule[];
  /** The answer, in the form of version 0, to a version that is not served; without one the connection ends. */
  readonly fallback: WriteBody | undefined;
}

/** What a principal has to be allowed, in Kafka's words (its page on authorization), of each resource that it names. */
export interface AccessRule {
  readonly operation:
    | 'read'
    | 'write'
    | 'create'
    | 'delete'
    | 'alter'
    | 'describe'
    | 'describeConfigs'
    | 'alterConfigs'
    | 'idempotentWrite';
  readonly resource: 'topic' | 'group' | 'cluster';
}

/**
 * What keeps the answer small, or counted (I8). `fixed`: a few kilobytes, whatever is asked for. `kept`: what it says is in memory
 * already, and bounded there. `claimed`: the handler claims, for a few bytes of a request may ask for much. A number: bytes that
 * the answer has at most for each byte of its request, which are claimed before it is built.
 */
export type AnswerBound = 'fixed' | 'kept' | 'claimed' | number;

/** A handler module's description of its API. */
export interface ApiDefinition<K extends ApiKey> {
  readonly overlap?: Overlap;
  /** Required, so that no API comes without a bound. */
  readonly answer: AnswerBound;
  handle(
    request: RequestOf<K>,
    context: RequestContext,
  ): Promise<ResponseOf<K> | typeof NO_RESPONSE> | ResponseOf<K> | typeof NO_RESPONSE;
  /** Required, so that no API comes without a rule. Every principal is allowed everything until there are ACLs. */
  readonly access: readonly AccessRule[];
  fallback?(): ResponseOf<K>;
}

/** Builds the table row of an API. */
export function api<K extends ApiKey>(apiKey: K, definition: ApiDefinition<K>): ApiRow {
  const messages = API_MESSAGES[apiKey];
  const write = messages.writeResponse as (w: KafkaWriter, version: number, value: ResponseOf<K>) => void;
  const { minVersion, maxVersion } = messages;
  const fallback = definition.fallback?.bind(definition);
  return {
    apiKey,
    name: messages.name,
    minVersion,
    maxVersion,
    overlap: definition.overlap ?? 'exclusive',
    answer: definition.answer,
    run: (body, context) => {
      const read = (): unknown => messages.readRequest(body, context.apiVersion);
      const request = body.inSlices(context.gateway.turns, read) as RequestOf<K> | undefined;
      if (request === undefined) return undefined;
      // The handler starts in this turn, so that appends keep the order of their requests (rule K1).
      const answerBytes =
        typeof definition.answer === 'number' ? context.place.sizeBytes * definition.answer : 0;
      const started = isUnclaimed(answerBytes)
        ? definition.handle(request, context)
        : claimedAnswer(answerBytes, context, async () => definition.handle(request, context), noRoom);
      const finish = (response: ResponseOf<K> | typeof NO_RESPONSE): WriteBody | typeof NO_RESPONSE =>
        response === NO_RESPONSE ? NO_RESPONSE : (writer) => write(writer, context.apiVersion, response);
      return started instanceof Promise ? started.then(finish) : Promise.resolve(finish(started));
    },
    access: definition.access,
    fallback: fallback && ((writer) => write(writer, 0, fallback())),
  };
}
