// Request and response envelopes: which header version goes with which API version (KIP-482, KIP-511).
import { BrokerError } from '@robustmq/errors';
import { API_MESSAGES } from './generated/index.ts';
import { readRequestHeader, writeRequestHeader } from './generated/request-header.ts';
import { KafkaReader } from './reader.ts';
import type { TurnLook } from './slices.ts';
import { KafkaWriter } from './writer.ts';

/** Key of an API that this codec knows. */
export type ApiKey = keyof typeof API_MESSAGES;

/** Whether the codec knows the API. */
export function isApiKey(key: number): key is ApiKey {
  return Object.hasOwn(API_MESSAGES, key);
}

const API_VERSIONS = 18;
/** Elements of all arrays of one request: a client that names every partition of a large cluster stays well below. */
const MAX_REQUEST_ITEMS = 50_000;
/** Tagged fields of a header, which is read before the request has a turn: clients send none. */
const MAX_HEADER_ITEMS = 100;

/** What every request starts with. */
export interface RequestEnvelope {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Stands at the body if the API and version are known; undefined if not. */
  readonly body: KafkaReader | undefined;
}

/** Version of the request header: 2 (tagged fields) from the API's first flexible version on. */
export function requestHeaderVersion(apiKey: ApiKey, apiVersion: number): number {
  return apiVersion >= API_MESSAGES[apiKey].flexibleFrom ? 2 : 1;
}

/**
 * Version of the response header. ApiVersions answers always with version 0: the client does not know yet which
 * versions we speak, so the length of the header may not change (KIP-511).
 */
export function responseHeaderVersion(apiKey: ApiKey, apiVersion: number): number {
  return apiKey !== API_VERSIONS && apiVersion >= API_MESSAGES[apiKey].flexibleFrom ? 1 : 0;
}

/** Reads what every request starts with. */
export const RequestEnvelope = {
  /**
   * Reads the header of a frame. Unknown APIs and versions are no error here: the caller has to answer them.
   * @throws BrokerError malformed; its `body` throws `too_large` above so many elements in all
   */
  read(frame: Buffer): RequestEnvelope {
    const reader = new KafkaReader(frame, { maxItems: MAX_HEADER_ITEMS });
    const [apiKey, apiVersion] = [frame.readInt16BE(0), frame.readInt16BE(2)];
    const known = isApiKey(apiKey);
    const served = known && isServedVersion(apiKey, apiVersion);
    const headerVersion = known && served ? requestHeaderVersion(apiKey, apiVersion) : 1;
    const { correlationId, clientId } = readRequestHeader(reader, headerVersion);
    reader.allowItems(MAX_REQUEST_ITEMS);
    return { apiKey, apiVersion, correlationId, clientId, body: served ? reader : undefined };
  },
} as const;

/** Whether the codec can read the version. */
export function isServedVersion(apiKey: ApiKey, apiVersion: number): boolean {
  const { minVersion, maxVersion } = API_MESSAGES[apiKey];
  return apiVersion >= minVersion && apiVersion <= maxVersion;
}

/** What a client says in the header of a request. */
export interface RequestOptions {
  readonly apiKey: ApiKey;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId?: string | null;
}

/** Encodes a request frame with its size: the client's side, for tests and tools. */
export function encodeRequest(options: RequestOptions, writeBody: (writer: KafkaWriter) => void): Buffer {
  const { apiKey, apiVersion, correlationId, clientId = null } = options;
  const writer = new KafkaWriter();
  writer.int32(0);
  writeRequestHeader(writer, requestHeaderVersion(apiKey, apiVersion), {
    requestApiKey: apiKey,
    requestApiVersion: apiVersion,
    correlationId,
    clientId,
  });
  writeBody(writer);
  writer.patchInt32(0, writer.sizeBytes - 4);
  return writer.finish();
}

/** Above this size the shared writer is let go, so that one huge answer does not stay allocated for ever. */
const KEEP_WRITER_BYTES = 1024 * 1024;
let shared: KafkaWriter | undefined;

/** Looks at no clock: what is small is written at once. */
const NEVER_SPENT: TurnLook = { isSpent: false };

/**
 * Encodes a response frame with its size, in slices, as chunks to be written in order; record sections are referenced, not
 * copied.
 */
export class ResponseEncoder {
  readonly #correlationId: number;
  readonly #headerVersion: number;
  readonly #writeBody: (writer: KafkaWriter) => void;
  /** What is written so far, when that is not all. */
  #begun: KafkaWriter | undefined;

  /** `writeBody` is called again for each slice and writes the same each time. */
  constructor(correlationId: number, headerVersion: number, writeBody: (writer: KafkaWriter) => void) {
    this.#correlationId = correlationId;
    this.#headerVersion = headerVersion;
    this.#writeBody = writeBody;
  }

  /** All of a small response at once. */
  static encode(
    correlationId: number,
    headerVersion: number,
    writeBody: (writer: KafkaWriter) => void,
  ): Buffer[] {
    return new ResponseEncoder(correlationId, headerVersion, writeBody).next(NEVER_SPENT) as Buffer[];
  }

  /** The frame, or undefined when the turn was spent before its end: then the next call goes on. */
  next(turn: TurnLook): Buffer[] | undefined {
    // Taken while in use: a failing writeBody must not leave half a frame behind for the next answer.
    const writer = this.#begun ?? shared ?? new KafkaWriter(4096);
    if (writer === shared) shared = undefined;
    if (!writer.inSlices(turn, () => this.#write(writer))) {
      this.#begun = writer;
      return undefined;
    }
    this.#begun = undefined;
    writer.patchInt32(0, writer.sizeBytes - 4);
    const chunks = writer.chunks();
    writer.reset();
    if (writer.capacityBytes <= KEEP_WRITER_BYTES) shared = writer;
    return chunks;
  }

  #write(writer: KafkaWriter): void {
    writer.int32(0);
    writer.int32(this.#correlationId);
    if (this.#headerVersion >= 1) writer.noTaggedFields();
    this.#writeBody(writer);
  }
}

/** Reads a response frame's header: the client's side. @throws BrokerError malformed */
export function readResponseEnvelope(
  frame: Buffer,
  headerVersion: number,
): { readonly correlationId: number; readonly body: KafkaReader } {
  if (frame.length < 4) throw new BrokerError('malformed', `response frame of ${frame.length} bytes`);
  const body = new KafkaReader(frame);
  const correlationId = body.int32();
  if (headerVersion >= 1) body.skipTaggedFields();
  return { correlationId, body };
}
