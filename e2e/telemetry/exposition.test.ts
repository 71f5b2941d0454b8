// The judge of the metrics: takes what the format allows, refuses what Prometheus refuses.
import { parseExposition } from './exposition.ts';

const GOOD = `# HELP a_total As.
# TYPE a_total counter
a_total{x="1",y="q\\"\\\\\\n"} 5
a_total{x="2",y=""} 1.5e+3 1700000000000
# HELP h Hs.
# TYPE h histogram
h_bucket{le="1"} 0
h_bucket{le="+Inf"} 2
h_sum 7
h_count 2
`;

test('a sound exposition is read', () => {
  const [counter, histogram] = parseExposition(GOOD);
  expect(counter).toMatchObject({ name: 'a_total', type: 'counter', help: 'As.' });
  expect(counter!.samples.map(({ value }) => value)).toEqual([5, 1500]);
  expect(counter!.samples[0]!.labels).toEqual({ x: '1', y: String.raw`q\"\\\n` });
  expect(histogram!.samples).toHaveLength(4);
});

test.each([
  ['no end of the last line', 'a 1'],
  ['a sample without its type', 'a 1\n'],
  ['a sample of another metric', '# TYPE a gauge\nb 1\n'],
  ['a second type', '# TYPE a gauge\n# TYPE a gauge\n'],
  ['a second help', '# HELP a x\n# HELP a y\n'],
  ['an unknown type', '# TYPE a meter\n'],
  ['a series twice', '# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n'],
  ['a label twice', '# TYPE a gauge\na{x="1",x="2"} 1\n'],
  ['a label without quotes', '# TYPE a gauge\na{x=1} 1\n'],
  ['a name with a dash', '# TYPE a-b gauge\na-b 1\n'],
  ['no number', '# TYPE a gauge\na one\n'],
])('%s is refused', (_name, text) => {
  expect(() => parseExposition(text)).toThrow(expect.objectContaining({ code: 'malformed' }));
});
