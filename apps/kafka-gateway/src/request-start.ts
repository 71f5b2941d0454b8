// From a frame to a request in the queue of its connection: which API it is for, and what happens when its turn has come.
import { RequestEnvelope, ResponseEncoder, responseHeaderVersion } from '@robustmq/kafka-codec';
import { NO_RESPONSE, type ApiRow, type WriteBody } from './api.ts';
import { API_TABLE } from './api-table.ts';
import type { ConnectionInfo, GatewayParts } from './context.ts';
import type { QueuedRequest } from './request-queue.ts';

const NOTHING: readonly Buffer[] = [];

/** The connection as its requests see it. */
export interface RequestHost extends ConnectionInfo {
  /** The request is done; without chunks nothing is sent. */
  answered(request: QueuedRequest, chunks: readonly Buffer[]): void;
  /** Bad input and failed acks=0 end this connection and nothing else. */
  refuse(error: unknown, api?: string): void;
  /** Ends once what was answered before is taken. */
  endBehindAnswers(): void;
}

/** The request of a frame, ready to be queued. @throws BrokerError malformed */
export function requestOf(frame: Buffer, host: RequestHost, gateway: GatewayParts): QueuedRequest {
  const envelope = RequestEnvelope.read(frame);
  const row = API_TABLE.get(envelope.apiKey);
  const isServed = row !== undefined && envelope.body !== undefined;
  const request: QueuedRequest = {
    overlap: isServed ? row.overlap : 'exclusive',
    sizeBytes: frame.length,
    start: isServed
      ? () => run(request, envelope, row, host, gateway)
      : () => answerUnserved(request, envelope, row, host, gateway),
    started: false,
    answer: undefined,
  };
  return request;
}

/** Starts the request; false when the turn was spent before all of it was read. */
function run(
  request: QueuedRequest,
  { apiVersion, clientId, correlationId, body }: RequestEnvelope,
  row: ApiRow,
  host: RequestHost,
  gateway: GatewayParts,
): boolean {
  if (body === undefined) return true;
  const context = { place: request, gateway, connection: host, apiVersion, clientId: clientId ?? '' };
  let running: Promise<WriteBody | typeof NO_RESPONSE> | undefined;
  try {
    running = row.run(body, context);
  } catch (error) {
    host.refuse(error, row.name);
    return true;
  }
  if (running === undefined) return false;
  if (gateway.debug.isOn) {
    const { tenant } = gateway.settings;
    const fields = { client_id: context.clientId, tenant, api: row.name, api_version: apiVersion };
    gateway.log.debug({ ...fields, connection: host.id, client: host.clientHost }, 'request');
  }
  running
    .then((write) => {
      if (write === NO_RESPONSE) host.answered(request, NOTHING);
      else {
        const headerVersion = responseHeaderVersion(row.apiKey, apiVersion);
        answer(request, new ResponseEncoder(correlationId, headerVersion, write), row, host, gateway);
      }
    })
    .catch((error: unknown) => host.refuse(error, row.name));
  return true;
}

/** Writes the answer, which may be as dear as to read what was asked: in its turn, and in slices (N8). */
function answer(
  request: QueuedRequest,
  encoder: ResponseEncoder,
  row: ApiRow,
  host: RequestHost,
  { turns }: GatewayParts,
): void {
  const next = (): void => {
    try {
      const chunks = encoder.next(turns);
      if (chunks === undefined) turns.wait(next);
      else host.answered(request, chunks);
    } catch (error) {
      host.refuse(error, row.name);
    }
  };
  if (turns.isOpen) next();
  else turns.wait(next);
}

/** An answer in another version would be read as an empty success, so the connection ends, as in Kafka (N12). */
function answerUnserved(
  request: QueuedRequest,
  { apiKey, apiVersion, correlationId, clientId }: RequestEnvelope,
  row: ApiRow | undefined,
  host: RequestHost,
  { counters, strangers }: GatewayParts,
): boolean {
  counters.unsupportedVersions += 1;
  const client = { client_id: clientId, client: host.clientHost, software: host.clientSoftware };
  const fields = { api_key: apiKey, api: row?.name, api_version: apiVersion, ...client };
  if (row?.fallback !== undefined) {
    strangers.debug('fallback', fields, 'client asks for a newer version and will fall back');
    host.answered(request, ResponseEncoder.encode(correlationId, 0, row.fallback));
    return true;
  }
  strangers.warn(
    `version ${apiKey} ${apiVersion} ${host.clientSoftware}`,
    fields,
    'connection closed: the client uses an API version that is not served',
  );
  host.endBehindAnswers();
  return true;
}
