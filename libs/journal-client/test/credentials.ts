// What the client of these tests shows, and their journals expect.
import { ClusterSecret, Credentials, ServiceKind } from '@robustmq/rpc';

export const CREDENTIALS = new Credentials(
  ServiceKind.MQTT_GATEWAY,
  new ClusterSecret(['a secret for tests, of 32 characters']),
);
