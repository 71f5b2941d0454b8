// Which producer ids are gateways' own (rule O7): one predicate for whoever gives them, refuses them or trusts them.

/** The range that is gateways' own. */
export const gatewayProducerIds = {
  /** Meta gives gateways their producer ids from here on and never gives one below to them; no other producer gets one. */
  start: 2 ** 40,

  /** Whether the id belongs to a gateway, of whatever incarnation, now or later: header `mqtt` counts in its batches. */
  include(producerId: number): boolean {
    return producerId >= gatewayProducerIds.start;
  },
} as const;
