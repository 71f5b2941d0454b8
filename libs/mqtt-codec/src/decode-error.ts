// What a violation of the wire format becomes: a BrokerError with the Reason Code that MQTT 5 gives it.

import { BrokerError } from '@robustmq/errors';
import { REASON } from './reason-code.ts';

/** A Malformed Packet: it can't be parsed according to the specification. BrokerError `malformed`, reason code 0x81. */
export function malformedPacket(why: string): BrokerError {
  return new BrokerError('malformed', why, { details: { reasonCode: REASON.malformedPacket } });
}

/** A Protocol Error: well-formed, but not allowed here. BrokerError `malformed`, reason code 0x82 or a more precise one. */
export function protocolError(why: string, reasonCode: number = REASON.protocolError): BrokerError {
  return new BrokerError('malformed', why, { details: { reasonCode } });
}

/** A packet over the limit in force. BrokerError `too_large`, reason code 0x95. */
export function packetTooLarge(sizeBytes: number, limitBytes: number): BrokerError {
  return new BrokerError('too_large', `packet of ${sizeBytes} bytes is over the limit of ${limitBytes}`, {
    details: { reasonCode: REASON.packetTooLarge, sizeBytes, limitBytes },
  });
}

/** A CONNECT with a protocol level that is none of 3, 4, 5 [MQTT-3.1.2-2]. BrokerError `unsupported`, reason code 0x84. */
export function unsupportedVersion(level: number): BrokerError {
  return new BrokerError('unsupported', `protocol level ${level} is not supported`, {
    details: { reasonCode: REASON.unsupportedProtocolVersion, protocolLevel: level },
  });
}

/** The Reason Code that an error of the decoder carries; 0x80 for any other error. */
export function reasonCodeOf(error: BrokerError): number {
  const reasonCode = error.details['reasonCode'];
  return typeof reasonCode === 'number' ? reasonCode : REASON.unspecifiedError;
}
