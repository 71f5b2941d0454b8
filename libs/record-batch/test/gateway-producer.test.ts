import { gatewayProducerIds } from '../src/gateway-producer.ts';

test('O7: ids from 2^40 on are gateways’ own, whoever holds them now', () => {
  const ids = [-1, 0, 5, 2 ** 40 - 1, 2 ** 40, 2 ** 41, Number.MAX_SAFE_INTEGER];
  expect(ids.map(gatewayProducerIds.include)).toEqual([false, false, false, false, true, true, true]);
});
