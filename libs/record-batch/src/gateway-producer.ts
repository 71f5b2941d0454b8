// Which producer ids are gateways' own (rule O7): one predicate for whoever gives them, refuses them or trusts them.

/** Meta gives gateways their producer ids from here on and never gives one below to them; no other producer gets one. */
export const GATEWAY_PRODUCER_ID_START = 2 ** 40;

/** Whether the id belongs to a gateway, of whatever incarnation, now or later: header `mqtt` counts in its batches. */
export function isGatewayProducerId(producerId: number): boolean {
  return producerId >= GATEWAY_PRODUCER_ID_START;
}
