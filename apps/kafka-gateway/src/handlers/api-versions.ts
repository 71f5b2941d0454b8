// ApiVersions (18): what a client may send. KIP-511: also an unknown version gets an answer, in the form of version 0.
import { KAFKA_ERRORS, type ApiVersionsResponseInput } from '@robustmq/kafka-codec';
import { api, type ApiRow } from '../api.ts';

/** Kafka's own check of client names (KIP-511). */
const CLIENT_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const PRODUCE = 0;

/**
 * The advertised range. Produce starts at 0 although only 3 and up are served, as Kafka does: librdkafka tests version
 * 0 and would silently send uncompressed batches otherwise (librdkafka issue 4956).
 */
export function advertisedVersions(rows: readonly ApiRow[]): ApiVersionsResponseInput['apiKeys'] {
  return rows
    .map(({ apiKey, minVersion, maxVersion }) => ({
      apiKey,
      minVersion: apiKey === PRODUCE ? 0 : minVersion,
      maxVersion,
    }))
    .sort((a, b) => a.apiKey - b.apiKey);
}

/** Builds the row; it lists all others, hence the function. */
export function apiVersions(rows: () => readonly ApiRow[]): ApiRow {
  const respond = (errorCode: number): ApiVersionsResponseInput => ({
    errorCode,
    apiKeys: advertisedVersions(rows()),
    throttleTimeMs: 0,
  });
  return api(18, {
    answer: 'fixed',
    access: [],
    handle: (request, { apiVersion, connection }) => {
      if (apiVersion >= 3) {
        const { clientSoftwareName: name, clientSoftwareVersion: version } = request;
        if (!CLIENT_NAME.test(name) || !CLIENT_NAME.test(version)) {
          return { errorCode: KAFKA_ERRORS.INVALID_REQUEST, apiKeys: [] };
        }
        connection.clientSoftware = `${name}/${version}`;
      }
      return respond(KAFKA_ERRORS.NONE);
    },
    // Version 0 is the only one that every client can read before it knows ours.
    fallback: () => respond(KAFKA_ERRORS.UNSUPPORTED_VERSION),
  });
}
