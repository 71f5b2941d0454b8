// The hand-written serializer of frames with record data writes what the generated reader reads.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  AppendFrameSchema,
  BacklogResultFrameSchema,
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  FetchResultFrameSchema,
  JournalService,
  TailFrameSchema,
  withPieces,
  type ExchangeRequest,
  type ExchangeResponse,
} from '../src/index.ts';
import { serviceDefinition } from '../src/service-definition.ts';

const method = serviceDefinition(JournalService)['exchange']!;
const requestBytes = (message: ExchangeRequest): Buffer => method.requestSerialize(message);
const responseBytes = (message: ExchangeResponse): Buffer => method.responseSerialize(message);

const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 });

test('append frames', () => {
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(), { maxLength: 4 }), (data, sizes) => {
      const sections = sizes.map((sizeBytes, index) => ({
        correlation: BigInt(index),
        streamId: 7,
        sizeBytes,
        leaderEpoch: -1,
      }));
      const whole = create(AppendFrameSchema, { sections, batches: Buffer.concat(data) });
      const expected = create(ExchangeRequestSchema, { frame: { case: 'append', value: whole } });
      const inPieces = withPieces(create(AppendFrameSchema, { sections }), data);
      const written = requestBytes(
        create(ExchangeRequestSchema, { frame: { case: 'append', value: inPieces } }),
      );
      expect(fromBinary(ExchangeRequestSchema, written)).toEqual(
        fromBinary(ExchangeRequestSchema, toBinary(ExchangeRequestSchema, expected)),
      );
    }),
  );
});

test('tail, fetch and backlog frames', () => {
  fc.assert(
    fc.property(pieces, (data) => {
      const batches = Buffer.concat(data);
      const frames = [
        {
          case: 'tail' as const,
          schema: TailFrameSchema,
          rest: { sections: [{ streamId: 1, nextOffset: 5n }] },
        },
        { case: 'fetch' as const, schema: FetchResultFrameSchema, rest: { requestId: 9n, complete: true } },
        { case: 'backlog' as const, schema: BacklogResultFrameSchema, rest: { outcomes: [{ readId: 3n }] } },
      ];
      for (const frame of frames) {
        const value = withPieces(create(frame.schema, frame.rest), data);
        const written = responseBytes(
          create(ExchangeResponseSchema, { frame: { case: frame.case, value } as ExchangeResponse['frame'] }),
        );
        const read = fromBinary(ExchangeResponseSchema, written).frame;
        expect(read.case).toBe(frame.case);
        expect(read.value).toMatchObject(frame.rest);
        expect(Buffer.from((read.value as { batches: Uint8Array }).batches).equals(batches)).toBe(true);
      }
    }),
  );
});

test('frames without pieces are left to the generated writer', () => {
  const request = create(ExchangeRequestSchema, { frame: { case: 'cancelFetch', value: { requestId: 4n } } });
  expect(requestBytes(request)).toEqual(Buffer.from(toBinary(ExchangeRequestSchema, request)));
  const response = create(ExchangeResponseSchema, {
    frame: { case: 'append', value: { outcomes: [{ correlation: 1n }] } },
  });
  expect(responseBytes(response)).toEqual(Buffer.from(toBinary(ExchangeResponseSchema, response)));
  const large = withPieces(create(AppendFrameSchema, {}), [Buffer.alloc(300_000, 7)]);
  const written = requestBytes(create(ExchangeRequestSchema, { frame: { case: 'append', value: large } }));
  const read = method.requestDeserialize(written) as ExchangeRequest;
  expect((read.frame.value as { batches: Uint8Array }).batches).toHaveLength(300_000);
});
