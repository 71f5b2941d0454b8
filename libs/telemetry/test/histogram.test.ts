import fc from 'fast-check';
import { BucketHistogram } from '../src/index.ts';
import { LATENCY_BOUNDS_SECONDS } from '../src/histogram.ts';
import { COUNT_BOUNDS, SIZE_BOUNDS_BYTES } from '../src/histogram.ts';

describe('BucketHistogram', () => {
  it('puts every value into the first bucket whose bound is not below it', () => {
    const anyValue = fc.oneof(
      fc.double({ min: 0, max: 20, noNaN: true }),
      fc.constantFrom(...LATENCY_BOUNDS_SECONDS),
    );
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 50 }), (values) => {
        const histogram = new BucketHistogram(LATENCY_BOUNDS_SECONDS);
        const expected = new Array<number>(LATENCY_BOUNDS_SECONDS.length + 1).fill(0);
        for (const value of values) {
          histogram.record(value);
          const index = LATENCY_BOUNDS_SECONDS.findIndex((bound) => value <= bound);
          expected[index === -1 ? LATENCY_BOUNDS_SECONDS.length : index]!++;
        }
        expect([...histogram.counts]).toEqual(expected);
        expect(histogram.count).toBe(values.length);
        expect(histogram.sum).toBeCloseTo(values.reduce((sum, value) => sum + value, 0));
      }),
    );
  });

  it('tells in which bucket a quantile lies', () => {
    const histogram = new BucketHistogram(COUNT_BOUNDS);
    expect(histogram.quantile(0.99)).toBe(0);
    for (let value = 1; value <= 100; value++) histogram.record(value);
    expect([histogram.quantile(0.5), histogram.quantile(0.99)]).toEqual([64, 128]);
    histogram.record(1e9);
    expect(histogram.quantile(1)).toBe(Number.POSITIVE_INFINITY);
  });

  it('refuses bounds that do not ascend', () => {
    expect(() => new BucketHistogram([1, 1])).toThrow(/ascend/);
    expect(new BucketHistogram(SIZE_BOUNDS_BYTES).counts).toHaveLength(SIZE_BOUNDS_BYTES.length + 1);
  });
});
