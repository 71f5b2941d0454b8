// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY, sameValue } from '../defaults.ts';

/** Struct of ApiVersionsResponse as read; fields that its version lacks have their defaults. */
export interface ApiVersionsResponseApiVersion {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** {@link ApiVersionsResponseApiVersion} as written: what has a default may be left out. */
export interface ApiVersionsResponseApiVersionInput {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Struct of ApiVersionsResponse as read; fields that its version lacks have their defaults. */
export interface ApiVersionsResponseSupportedFeatureKey {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** {@link ApiVersionsResponseSupportedFeatureKey} as written: what has a default may be left out. */
export interface ApiVersionsResponseSupportedFeatureKeyInput {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Struct of ApiVersionsResponse as read; fields that its version lacks have their defaults. */
export interface ApiVersionsResponseFinalizedFeatureKey {
  readonly name: string;
  readonly maxVersionLevel: number;
  readonly minVersionLevel: number;
}

/** {@link ApiVersionsResponseFinalizedFeatureKey} as written: what has a default may be left out. */
export interface ApiVersionsResponseFinalizedFeatureKeyInput {
  readonly name: string;
  readonly maxVersionLevel: number;
  readonly minVersionLevel: number;
}

/** ApiVersionsResponse as read; fields that its version lacks have their defaults. */
export interface ApiVersionsResponse {
  readonly errorCode: number;
  readonly apiKeys: readonly ApiVersionsResponseApiVersion[];
  readonly throttleTimeMs: number;
  readonly supportedFeatures: readonly ApiVersionsResponseSupportedFeatureKey[];
  readonly finalizedFeaturesEpoch: number;
  readonly finalizedFeatures: readonly ApiVersionsResponseFinalizedFeatureKey[];
  readonly zkMigrationReady: boolean;
}

/** {@link ApiVersionsResponse} as written: what has a default may be left out. */
export interface ApiVersionsResponseInput {
  readonly errorCode: number;
  readonly apiKeys: readonly ApiVersionsResponseApiVersionInput[];
  readonly throttleTimeMs?: number;
  readonly supportedFeatures?: readonly ApiVersionsResponseSupportedFeatureKeyInput[];
  readonly finalizedFeaturesEpoch?: number;
  readonly finalizedFeatures?: readonly ApiVersionsResponseFinalizedFeatureKeyInput[];
  readonly zkMigrationReady?: boolean;
}

function readApiVersionsResponseApiVersion(r: KafkaReader, version: number): ApiVersionsResponseApiVersion {
  const flexible = version >= 3;
  const apiKey = r.int16();
  const minVersion = r.int16();
  const maxVersion = r.int16();
  if (flexible) r.skipTaggedFields();
  return { apiKey, minVersion, maxVersion };
}

function readApiVersionsResponseSupportedFeatureKey(
  r: KafkaReader,
  _version: number,
): ApiVersionsResponseSupportedFeatureKey {
  const flexible = true;
  const name = r.string(flexible);
  const minVersion = r.int16();
  const maxVersion = r.int16();
  r.skipTaggedFields();
  return { name, minVersion, maxVersion };
}

function readApiVersionsResponseFinalizedFeatureKey(
  r: KafkaReader,
  _version: number,
): ApiVersionsResponseFinalizedFeatureKey {
  const flexible = true;
  const name = r.string(flexible);
  const maxVersionLevel = r.int16();
  const minVersionLevel = r.int16();
  r.skipTaggedFields();
  return { name, maxVersionLevel, minVersionLevel };
}

/** Reads a {@link ApiVersionsResponse} of `version`; throws BrokerError 'malformed'. */
export function readApiVersionsResponse(r: KafkaReader, version: number): ApiVersionsResponse {
  const flexible = version >= 3;
  const errorCode = r.int16();
  const apiKeys = r.array(flexible, 6, () => readApiVersionsResponseApiVersion(r, version));
  const throttleTimeMs: ApiVersionsResponse['throttleTimeMs'] = version >= 1 ? r.int32() : 0;
  let supportedFeatures: ApiVersionsResponse['supportedFeatures'] = EMPTY_ARRAY;
  let finalizedFeaturesEpoch: ApiVersionsResponse['finalizedFeaturesEpoch'] = -1;
  let finalizedFeatures: ApiVersionsResponse['finalizedFeatures'] = EMPTY_ARRAY;
  let zkMigrationReady: ApiVersionsResponse['zkMigrationReady'] = false;
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 3)
            supportedFeatures = r.array(flexible, 5, () =>
              readApiVersionsResponseSupportedFeatureKey(r, version),
            );
          break;
        case 1:
          if (version >= 3) finalizedFeaturesEpoch = r.int64();
          break;
        case 2:
          if (version >= 3)
            finalizedFeatures = r.array(flexible, 5, () =>
              readApiVersionsResponseFinalizedFeatureKey(r, version),
            );
          break;
        case 3:
          if (version >= 3) zkMigrationReady = r.bool();
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return {
    errorCode,
    apiKeys,
    throttleTimeMs,
    supportedFeatures,
    finalizedFeaturesEpoch,
    finalizedFeatures,
    zkMigrationReady,
  };
}

function writeApiVersionsResponseApiVersion(
  w: KafkaWriter,
  version: number,
  v: ApiVersionsResponseApiVersionInput,
): void {
  const flexible = version >= 3;
  w.int16(v.apiKey);
  w.int16(v.minVersion);
  w.int16(v.maxVersion);
  if (flexible) w.noTaggedFields();
}

function writeApiVersionsResponseSupportedFeatureKey(
  w: KafkaWriter,
  _version: number,
  v: ApiVersionsResponseSupportedFeatureKeyInput,
): void {
  const flexible = true;
  w.string(v.name, flexible);
  w.int16(v.minVersion);
  w.int16(v.maxVersion);
  w.noTaggedFields();
}

function writeApiVersionsResponseFinalizedFeatureKey(
  w: KafkaWriter,
  _version: number,
  v: ApiVersionsResponseFinalizedFeatureKeyInput,
): void {
  const flexible = true;
  w.string(v.name, flexible);
  w.int16(v.maxVersionLevel);
  w.int16(v.minVersionLevel);
  w.noTaggedFields();
}

/** Writes a {@link ApiVersionsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeApiVersionsResponse(w: KafkaWriter, version: number, v: ApiVersionsResponseInput): void {
  const flexible = version >= 3;
  w.int16(v.errorCode);
  w.array(v.apiKeys, flexible, (item) => writeApiVersionsResponseApiVersion(w, version, item));
  if (version >= 1) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  if (flexible) {
    const tags = w.taggedFields();
    if (version >= 3 && v.supportedFeatures !== undefined && !sameValue(v.supportedFeatures, EMPTY_ARRAY)) {
      const value = v.supportedFeatures;
      tags.add(0, (w) => {
        w.array(value, flexible, (item) => writeApiVersionsResponseSupportedFeatureKey(w, version, item));
      });
    }
    if (version >= 3 && v.finalizedFeaturesEpoch !== undefined && !sameValue(v.finalizedFeaturesEpoch, -1)) {
      const value = v.finalizedFeaturesEpoch;
      tags.add(1, (w) => {
        w.int64(value);
      });
    }
    if (version >= 3 && v.finalizedFeatures !== undefined && !sameValue(v.finalizedFeatures, EMPTY_ARRAY)) {
      const value = v.finalizedFeatures;
      tags.add(2, (w) => {
        w.array(value, flexible, (item) => writeApiVersionsResponseFinalizedFeatureKey(w, version, item));
      });
    }
    if (version >= 3 && v.zkMigrationReady !== undefined && !sameValue(v.zkMigrationReady, false)) {
      const value = v.zkMigrationReady;
      tags.add(3, (w) => {
        w.bool(value);
      });
    }
    tags.end();
  }
}
