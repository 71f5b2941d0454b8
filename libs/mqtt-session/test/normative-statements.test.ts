// Which test holds which normative statement of MQTT 5 that binds a server (Appendix B of the specification). What is
// bound to QoS 2, retained messages, wills and shared subscriptions joins when they do.

import { readFileSync } from 'node:fs';
import path from 'node:path';

const LIBS = path.join(__dirname, '..', '..');

/** Test file, from libs → statements whose names appear in it beside the test that holds them. */
const STATEMENTS: Readonly<Record<string, readonly string[]>> = {
  'mqtt-codec/test/utf8.test.ts': ['1.5.4-1', '1.5.4-2'],
  'mqtt-codec/test/malformed.test.ts': [
    ...['1.5.5-1', '1.5.7-1', '2.1.3-1', '2.2.1-3'],
    ...['3.1.0-1', '3.1.0-2', '3.1.2-1', '3.1.2-2', '3.1.2-3', '3.1.2-11', '3.1.2-12', '3.1.2-13'],
    ...['3.1.3-4', '3.1.3-12'],
    ...['3.3.1-2', '3.3.1-4', '3.3.2-2', '3.3.2-8', '3.3.2-13', '3.3.2-14', '3.3.4-6'],
    ...['3.4.2-1', '3.7.2-1', '3.8.1-1', '3.8.3-1', '3.8.3-2', '3.8.3-5', '3.10.1-1', '3.10.3-2'],
    ...['3.14.1-1', '3.14.2-1', '3.15.2-1', '4.7.3-1', '4.7.3-2'],
  ],
  'mqtt-codec/test/decoder.test.ts': ['3.3.2-18', '3.14.4-1'],
  'mqtt-codec/test/encode.test.ts': ['3.1.2-24', '3.14.2-3', '3.14.2-4'],
  'mqtt-session/test/connect/connect.test.ts': [
    ...['3.1.0-2', '3.1.2-2', '3.1.2-28', '3.1.2-29', '3.1.3-6', '3.1.3-8', '3.1.4-1', '3.1.4-2'],
    ...['3.2.2-2', '3.2.2-3', '3.2.2-6', '3.2.2-9', '3.2.2-16', '3.2.2-21', '4.12.0-1'],
  ],
  'mqtt-session/test/connection.test.ts': [
    ...['3.1.2-22', '3.1.2-26', '3.1.4-3', '3.2.2-11', '3.2.2-14'],
    ...['3.3.2-9', '3.3.2-12', '3.3.4-1', '3.3.4-7', '3.3.4-8', '3.3.4-9', '3.12.4-1'],
    ...['4.6.0-2', '4.12.0-7', '4.13.1-1'],
  ],
  'mqtt-session/test/subscribe.test.ts': [
    ...['3.8.3-4', '3.8.4-1', '3.8.4-2', '3.8.4-3', '3.8.4-5', '3.8.4-6', '3.8.4-7', '3.9.3-1'],
    ...['3.10.4-4', '3.11.3-1', '4.7.1-1', '4.8.2-1', '4.8.2-2'],
  ],
  'mqtt-session/test/outbound/send-window.property.test.ts': ['2.2.1-4', '3.3.4-9', '4.4.0-1'],
  'mqtt-session/test/inbound/ack-queue.test.ts': ['4.6.0-2', '4.6.0-3'],
  'mqtt-session/test/message-expiry.test.ts': ['3.3.2-5', '3.3.2-6'],
  'mqtt-topics/test/mqtt-topics.test.ts': ['4.7.2-1'],
  '../apps/mqtt-gateway/test/conformance.test.ts': [
    ...['1.5.4-3', '2.2.1-5', '2.2.1-6'],
    ...['3.1.2-4', '3.1.2-5', '3.1.2-6', '3.1.2-23', '3.1.2-25', '3.1.3-5', '3.1.4-6', '3.2.0-1', '3.2.0-2'],
    ...['3.3.1-3', '3.3.2-3', '3.3.2-7', '3.3.4-2', '3.3.4-3', '3.3.4-4'],
    ...['3.8.3-3', '3.10.4-1', '3.10.4-2', '3.10.4-3', '4.7.3-3', '4.7.3-4', '4.9.0-1', '4.9.0-2', '4.9.0-3'],
  ],
  '../apps/mqtt-gateway/test/publish-subscribe.test.ts': [
    ...['3.1.2-27', '6.0.0-1', '6.0.0-2', '6.0.0-3', '6.0.0-4'],
  ],
  '../apps/mqtt-gateway/test/resumed-sessions.test.ts': ['3.3.4-9'],
  '../apps/mqtt-gateway/test/doubtful-sessions.test.ts': ['3.3.1-1'],
};

test.each(Object.entries(STATEMENTS))('%s holds its statements', (file, statements) => {
  const source = readFileSync(path.join(LIBS, file), 'utf8');
  const missing = statements.filter((statement) => !source.includes(`[MQTT-${statement}]`));
  expect(missing).toEqual([]);
});
