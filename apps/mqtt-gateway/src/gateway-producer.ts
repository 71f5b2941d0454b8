// Which producer ids are gateways' own, so that their records' `mqtt` headers count (rule O7).

/** Meta gives gateways their producer ids from here on, and never gives one below to them or one above to anybody else. */
const GATEWAY_PRODUCER_ID_START = 2 ** 40;

/** Whether a batch of this producer id was appended by an mqtt-gateway, of whatever incarnation. */
export function isGatewayProducer(producerId: number): boolean {
  return producerId >= GATEWAY_PRODUCER_ID_START;
}
