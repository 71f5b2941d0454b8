import { RequestEnvelope, responseHeaderVersion, type ApiKey, ResponseEncoder } from '../src/index.ts';
import { encodeRequest, readResponseEnvelope } from '../src/request.ts';
import { isApiKey, requestHeaderVersion } from '../src/request.ts';
import { writeApiVersionsRequest } from '../src/generated/api-versions-request.ts';
import { readApiVersionsResponse, writeApiVersionsResponse } from '../src/generated/api-versions-response.ts';
import { readFetchResponse, writeFetchResponse } from '../src/generated/fetch-response.ts';
import { readMetadataRequest, writeMetadataRequest } from '../src/generated/metadata-request.ts';

const PRODUCE = 0;
const METADATA = 3;
const API_VERSIONS = 18;
const OFFSET_DELETE = 47;

describe('header versions', () => {
  test.each<[string, ApiKey, number, number, number]>([
    ['Produce 8', PRODUCE, 8, 1, 0],
    ['Produce 9 (flexible)', PRODUCE, 9, 2, 1],
    ['ApiVersions 2', API_VERSIONS, 2, 1, 0],
    ['ApiVersions 3: request header 2, response header 0 (KIP-511)', API_VERSIONS, 3, 2, 0],
    ['OffsetDelete is never flexible', OFFSET_DELETE, 0, 1, 0],
  ])('%s', (_name, apiKey, version, request, response) => {
    expect(requestHeaderVersion(apiKey, version)).toBe(request);
    expect(responseHeaderVersion(apiKey, version)).toBe(response);
  });
});

describe('request envelope', () => {
  test.each([
    [50_000, true],
    [50_001, false],
  ])('N8: a request of %i elements: read %s', (count, isRead) => {
    const topics = Array.from({ length: count }, () => ({ name: 't' }));
    const frame = encodeRequest({ apiKey: METADATA, apiVersion: 8, correlationId: 1 }, (writer) =>
      writeMetadataRequest(writer, 8, { topics }),
    ).subarray(4);
    const { body } = RequestEnvelope.read(frame);
    const read = () => readMetadataRequest(body!, 8).topics?.length;
    if (isRead) expect(read()).toBe(count);
    else expect(read).toThrow(expect.objectContaining({ name: 'BrokerError', code: 'too_large' }));
  });

  test('is read back, with the body behind it', () => {
    const frame = encodeRequest(
      { apiKey: METADATA, apiVersion: 12, correlationId: 77, clientId: 'me' },
      (writer) => writeMetadataRequest(writer, 12, { topics: null }),
    ).subarray(4);
    const envelope = RequestEnvelope.read(frame);
    expect(envelope).toMatchObject({ apiKey: METADATA, apiVersion: 12, correlationId: 77, clientId: 'me' });
    expect(envelope.body?.remaining).toBe(4);
  });

  test.each([
    ['an unknown version', API_VERSIONS, 99],
    ['an unknown API', 999, 0],
    ['a version that was removed', PRODUCE, 0],
  ])('%s still yields whom to answer', (_name, apiKey, apiVersion) => {
    const frame = encodeRequest(
      { apiKey: API_VERSIONS, apiVersion: 0, correlationId: 5, clientId: 'x' },
      () => undefined,
    ).subarray(4);
    frame.writeInt16BE(apiKey, 0);
    frame.writeInt16BE(apiVersion, 2);
    const envelope = RequestEnvelope.read(frame);
    expect(envelope).toMatchObject({ apiKey, apiVersion, correlationId: 5, clientId: 'x' });
    expect(envelope.body).toBeUndefined();
  });

  test('a header that is cut off is malformed', () => {
    const frame = encodeRequest(
      { apiKey: API_VERSIONS, apiVersion: 3, correlationId: 5, clientId: 'abc' },
      (writer) => writeApiVersionsRequest(writer, 3, { clientSoftwareName: 'a', clientSoftwareVersion: 'b' }),
    ).subarray(4);
    expect(() => RequestEnvelope.read(frame.subarray(0, 9))).toThrow();
    expect(isApiKey(API_VERSIONS)).toBe(true);
    expect(isApiKey(4)).toBe(false);
  });
});

describe('response envelope', () => {
  test('carries size, correlation id and body', () => {
    const frame = Buffer.concat(
      ResponseEncoder.encode(9, 0, (writer) =>
        writeApiVersionsResponse(writer, 0, { errorCode: 35, apiKeys: [] }),
      ),
    );
    expect(frame.readInt32BE(0)).toBe(frame.length - 4);
    const { correlationId, body } = readResponseEnvelope(frame.subarray(4), 0);
    expect(correlationId).toBe(9);
    expect(readApiVersionsResponse(body, 0).errorCode).toBe(35);
  });

  test('counts referenced records in its size and is not disturbed by the next answer', () => {
    const records = Buffer.alloc(20_000, 2);
    const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 1, records };
    const write = () =>
      ResponseEncoder.encode(1, 1, (writer) =>
        writeFetchResponse(writer, 12, { responses: [{ topic: 't', partitions: [partition] }] }),
      );
    const first = write();
    const second = Buffer.concat(write());
    const frame = Buffer.concat(first);
    expect(frame.equals(second)).toBe(true);
    const { body } = readResponseEnvelope(frame.subarray(4), 1);
    expect(readFetchResponse(body, 12).responses[0]?.partitions[0]?.records?.equals(records)).toBe(true);
  });

  test('a failing body leaves nothing behind', () => {
    expect(() =>
      ResponseEncoder.encode(1, 0, (writer) => {
        writer.int32(1);
        throw new RangeError('half');
      }),
    ).toThrow('half');
    expect(Buffer.concat(ResponseEncoder.encode(2, 0, () => undefined)).toString('hex')).toBe(
      '0000000400000002',
    );
  });

  test('one that is too short is malformed', () => {
    expect(() => readResponseEnvelope(Buffer.alloc(3), 0)).toThrow(/3 bytes/);
  });
});
