// The pitfalls of ApiVersions (protocol facts, section 2.3), one test each.
import { API_MESSAGES, KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { readResponseEnvelope } from '@robustmq/kafka-codec/testing';
import { API_TABLE } from '../src/api-table.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const API_VERSIONS = 18;
const METADATA = 3;
const SOFTWARE = { clientSoftwareName: 'test-client', clientSoftwareVersion: '1.0' };

describe('ApiVersions', () => {
  let running: RunningGateway;
  let client: WireClient;

  beforeEach(async () => {
    ({ running, client } = await RunningGateway.withClient());
  });
  afterEach(() => running.stop());

  test.each([0, 1, 2, 3, 4])('version %i is answered', async (version) => {
    const response = await client.call(API_VERSIONS, version, SOFTWARE);
    expect(response.errorCode).toBe(KAFKA_ERRORS.NONE);
    expect(response.apiKeys).toHaveLength(API_TABLE.size);
    // Features with minimum 0 must not appear below version 4, and none is finalized: Java would take to new transactions.
    expect(response.supportedFeatures).toEqual([]);
    expect(response.finalizedFeatures).toEqual([]);
    expect(response.finalizedFeaturesEpoch).toBe(-1);
  });

  test('Produce is advertised from 0, or librdkafka silently sends uncompressed', async () => {
    const { apiKeys } = await client.call(API_VERSIONS, 3, SOFTWARE);
    expect(apiKeys.find(({ apiKey }) => apiKey === 0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
  });

  test('an unknown version gets error 35 in the form of version 0, with the list, and the connection lives (KIP-511)', async () => {
    const frame = client.frame(API_VERSIONS, 4, SOFTWARE);
    frame.writeInt16BE(99, 6);
    client.socket.write(frame);
    const { correlationId, body } = readResponseEnvelope(await client.receiveFrame(), 0);
    const response = API_MESSAGES[API_VERSIONS].readResponse(body, 0);
    expect(body.remaining).toBe(0);
    expect([correlationId, response.errorCode]).toEqual([1, KAFKA_ERRORS.UNSUPPORTED_VERSION]);
    expect(response.apiKeys).toContainEqual({ apiKey: API_VERSIONS, minVersion: 0, maxVersion: 4 });
    expect((await client.call(API_VERSIONS, 0, SOFTWARE)).errorCode).toBe(KAFKA_ERRORS.NONE);
    expect(running.gateway.counters.unsupportedVersions).toBe(1);
  });

  const withHeader = (apiKey: number, version: number): Buffer => {
    const frame = client.frame(METADATA, 0, { topics: [] });
    frame.writeInt16BE(apiKey, 4);
    frame.writeInt16BE(version, 6);
    return frame;
  };

  test('a version of another API that is not served ends the connection, behind earlier answers, and is logged', async () => {
    const asked = client.send(METADATA, 12, { topics: null });
    client.socket.write(withHeader(METADATA, 14));
    client.send(METADATA, 12, { topics: null });
    expect((await client.receive(METADATA, 12, asked)).topics).toEqual([]);
    await client.closed();
    expect(client.pendingFrames).toBe(0);
    expect(running.lines.find(({ level }) => level === 'warn')?.fields).toMatchObject({
      api_key: METADATA,
      api: 'Metadata',
      api_version: 14,
      client_id: 'wire-client',
    });
  });

  test('N12: no version that is not served gets an answer, which an old client would take for a success', async () => {
    const unserved = [...API_TABLE.values()]
      .filter(({ apiKey }) => apiKey !== API_VERSIONS)
      .flatMap(({ apiKey, minVersion, maxVersion }) => [
        ...Array.from({ length: minVersion }, (_, version) => [apiKey, version] as const),
        [apiKey, maxVersion + 1] as const,
      ]);
    expect(unserved.length).toBeGreaterThan(40);
    for (const [apiKey, version] of [...unserved, [4, 0] as const, [17, 1] as const]) {
      const one = await running.client();
      one.socket.write(withHeader(apiKey, version));
      await one.closed();
      expect([apiKey, version, one.pendingFrames]).toEqual([apiKey, version, 0]);
    }
    expect(running.journal.produced).toEqual([]);
    expect(running.store.groups.size).toBe(0);
  });

  test('N14: who repeats it fills no log: a few lines, and none above debug for an ordinary fall-back', async () => {
    for (let n = 0; n < 50; n += 1) {
      const one = await running.client();
      one.socket.write(withHeader(METADATA, 14));
      await one.closed();
      client.socket.write(withHeader(API_VERSIONS, 99));
      await client.receiveFrame();
    }
    expect(running.gateway.counters.unsupportedVersions).toBe(100);
    const linesOf = (wanted: string): number => running.lines.filter(({ level }) => level === wanted).length;
    expect([linesOf('warn'), linesOf('debug'), linesOf('info')]).toEqual([5, 5, 0]);
  });

  test('every API says what its caller must be allowed', () => {
    for (const row of API_TABLE.values()) {
      expect([row.name, row.access.length > 0]).toEqual([row.name, row.apiKey !== API_VERSIONS]);
    }
    expect(API_TABLE.get(8)?.access).toEqual([
      { operation: 'read', resource: 'group' },
      { operation: 'read', resource: 'topic' },
    ]);
  });

  test.each(['', '-x', 'a b', 'ü'])('client name "%s" is invalid (KIP-511)', async (clientSoftwareName) => {
    const response = await client.call(API_VERSIONS, 3, { ...SOFTWARE, clientSoftwareName });
    expect(response.errorCode).toBe(KAFKA_ERRORS.INVALID_REQUEST);
  });

  test('versions that need topic ids are advertised, because ids are real', async () => {
    const { apiKeys } = await client.call(API_VERSIONS, 3, SOFTWARE);
    const max = (key: number) => apiKeys.find(({ apiKey }) => apiKey === key)?.maxVersion;
    expect([0, 1, 3, 8, 9].map(max)).toEqual([13, 18, 13, 10, 10]);
  });

  test('librdkafka needs 8 to 14 for its balanced consumer', () => {
    for (let apiKey = 8; apiKey <= 14; apiKey += 1) expect(API_TABLE.has(apiKey)).toBe(true);
  });

  test('no API of transactions, KIP-848 or authentication is shown before it is complete', () => {
    for (const apiKey of [17, 24, 25, 26, 28, 36, 68, 69, 71, 88]) expect(API_TABLE.has(apiKey)).toBe(false);
  });

  test('what is served is what the codec knows', () => {
    for (const [apiKey, messages] of Object.entries(API_MESSAGES)) {
      expect(API_TABLE.get(Number(apiKey))).toMatchObject({
        name: messages.name,
        minVersion: messages.minVersion,
        maxVersion: messages.maxVersion,
      });
    }
  });
});
