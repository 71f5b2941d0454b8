// What the client of these tests shows, and their journals expect.
import { Credentials, ServiceKind } from '@robustmq/rpc';
import { ClusterSecret } from '@robustmq/rpc/testing';

export const CREDENTIALS = new Credentials(
  ServiceKind.MQTT_GATEWAY,
  new ClusterSecret(['a secret for tests, of 32 characters']),
);
