// The distribution that the sampler draws from, against Hugging Face and float64; draws are in sample-draws.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { filtersOf, NO_TOKEN, type SampledRow } from '../../src/kernels/sample/operands.ts';
import { sample, sampleProbs } from '../../src/kernels/sample/sample.ts';
import { processLogits, type SamplingFilters } from '../../src/reference/sampling.ts';
import { normals } from '../../src/util/random-values.ts';
import '../../src/testing/vitest.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { draw, drawWithProbs } from '../support/kernels/sampling-case.ts';
import { checkDraws, checkSweep, kept, PROBABILITY } from '../support/kernels/sampling-checks.ts';
import { samplingFixtures } from '../support/sampling-fixtures.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** A fault of the search for the end of top-p. */
interface Fault {
  readonly fault: string;
  readonly changes: Changes;
}

async function probsOf(row: SampledRow): Promise<Float32Array> {
  return (await drawWithProbs(device, [row])).probs[0]!;
}

describe('the distribution of a row equals Hugging Face', () => {
  const ADJUSTS_LOGITS = ['repetition_penalty', 'presence_penalty', 'frequency_penalty', 'logit_bias'];
  const cases = samplingFixtures.filter(({ stated }) => !ADJUSTS_LOGITS.some((name) => stated.includes(name)));

  test('in 38 fixtures', () => {
    expect(cases.length).toBe(38);
  });

  test.each(cases)('$name', async ({ name, logits, filters, probs: want }) => {
    const { probs, ids } = await drawWithProbs(device, [{ logits: Float32Array.from(logits), ...filters }]);
    expect(probs[0]!).toBeWithin(want, PROBABILITY, { label: name });
    expect(want[ids[0]!]).toBeGreaterThan(0);
  });
});

describe('the distribution of a row equals the float64 reference', () => {
  test('for filters in many combinations', async () => {
    expect(await checkSweep(device, 64)).toBeGreaterThanOrEqual(60);
  });

  const FAULTS: readonly Fault[] = [
    {
      fault: 'strays past the end of what is expected',
      changes: [['span = min(span - (told.x - low), (1u << shift) - 1u);', 'span = (1u << shift) - 1u;']],
    },
    {
      fault: 'takes too few tokens for candidates',
      changes: [['if (is_noting && part == EXPECTED)', 'if (is_noting)']],
    },
    {
      fault: 'draws from the candidates for the end alone',
      changes: [['if (range.low + range.span == row.best_key)', 'if (true)']],
    },
    {
      fault: 'forgets what top-k dropped',
      changes: [['cut = cut_by(filter_word, lane, row, cut,', 'cut = cut_by(filter_word, lane, row, Cut(0u, 0u),']],
    },
  ];
  /** Of the same search, found by the same check: each compiles for seconds. */
  const MORE_FAULTS: readonly Fault[] = [
    {
      fault: 'looks for the end where the estimate is off',
      changes: [['!at_least(bucket_sum(part), need)', 'part < EXPECTED']],
    },
    {
      fault: 'picks strips that hold too few tokens',
      changes: [
        [
          'var range = Range(0u, row.best_key, vec2u(sampling[row.sampling + TOP_K], 0u));',
          'var range = Range(0u, row.best_key, vec2u(1u, 0u));',
        ],
      ],
    },
    { fault: 'takes two tokens for one', changes: [['least + least / 2u', 'least + least + least / 2u']] },
  ];

  const expectFound = ({ changes }: Fault) =>
    expect(checkSweep(device, 64, mutant(sampleProbs, changes))).rejects.toThrow('row');
  test.each(FAULTS)('and that check finds a search that $fault', expectFound);
  test.each(MORE_FAULTS)('and that check finds a search that $fault', { tags: ['slow'] }, expectFound);

  test('where top-p ends among the candidates of a large top-k, and a draw finds a search that notes over them', async () => {
    const rows = Array.from({ length: 48 }, (_, seed) => ({
      logits: normals(seed, 1024, seed % 2 === 0 ? 0.4 : 1),
      topK: 700 + 6 * seed,
      topP: 0.5 + 0.01 * seed,
      seed,
    }));
    expect(await checkDraws(device, rows)).toBeGreaterThanOrEqual(46);
    const notesOver = mutant(sample, [['let is_noting = !(*tokens).are_candidates;', 'let is_noting = true;']]);
    await expect(checkDraws(device, rows, notesOver)).rejects.toThrow('row');
  });

  test.each([1, 2, 31, 257, 8192, 50257])('for %i tokens', async (V) => {
    const logits = normals(V, V, 2);
    const filters = [{}, { temperature: 0 }, { topK: 2 }, { topK: 40, topP: 0.8, temperature: 0.7 }, { topP: 0.6 }];
    const rows = filters.map((filter) => ({ ...filter, logits }));
    const { probs } = await drawWithProbs(device, rows);
    for (const [r, filter] of filters.entries()) {
      const want = processLogits(Float64Array.from(logits), filtersOf(filter));
      expect(probs[r]!).toBeWithin(want, PROBABILITY, { label: JSON.stringify(filter) });
    }
  });
});

describe('temperature', () => {
  test('0 is the lowest id of the best logits, whatever the seed and the filters', async () => {
    const logits = normals(1, 700);
    for (const id of [612, 97, 98, 350]) logits[id] = 9;
    const rows = [0, 1, 2, 3, 4].map((seed) => ({ logits, temperature: 0, seed, topK: 5, topP: 0.1, minP: 1 }));
    expect((await draw(device, rows)).ids).toEqual([97, 97, 97, 97, 97]);
  });

  test('0 separates logits that are next to each other in f32', async () => {
    const logits = normals(1, 700);
    [logits[8], logits[72]] = [20, 20 + 2 ** -19];
    expect((await draw(device, [{ logits, temperature: 0 }])).ids).toEqual([72]);
  });

  test('0 takes zeros of both signs for equal', async () => {
    const greedy = (...logits: number[]) => ({ logits: Float32Array.from(logits), temperature: 0 });
    expect((await draw(device, [greedy(-1, -0, 0), greedy(-1, 0, -0)])).ids).toEqual([1, 1]);
  });

  test('and logits may come close to the ends of f32', async () => {
    const logits = Float32Array.of(-3e38, 3e38, 2.9e38, -3e38);
    const rows = [1e-45, 1.2e-38, 1, 1e37].map((temperature) => ({ logits, temperature, topK: 3, topP: 0.9 }));
    const { probs } = await drawWithProbs(device, rows);
    for (const row of probs.slice(0, 3)) expect(row).toBeWithin([0, 1, 0, 0], {}, { label: 'greedy in effect' });
    // The two best differ by one temperature, the others from them by sixty.
    expect(probs[3]!).toBeWithin([0, Math.E / (1 + Math.E), 1 / (1 + Math.E), 0], PROBABILITY, { label: '1e37' });
    const hot = await probsOf({ logits: Float32Array.of(1, 2, 3), temperature: 3e38 });
    expect(hot).toBeWithin([1 / 3, 1 / 3, 1 / 3], PROBABILITY, { label: '3e38' });
  });
});

describe('equal logits', () => {
  const V = 5000;
  const equal = new Float32Array(V).fill(-2.5);

  test.each([
    { filters: { topK: 17 }, count: 17 },
    { filters: { topK: 1 }, count: 1 },
    { filters: { topK: V }, count: V },
    { filters: { topK: V + 1 }, count: V },
    { filters: { topK: 0xffffffff }, count: V },
    { filters: { topP: 0.5 }, count: 2500 },
    { filters: { topP: 1e-9 }, count: 1 },
    { filters: { topP: 1e-20 }, count: 1 },
    { filters: { topK: 100, topP: 0.25 }, count: 25 },
    { filters: { topK: 100, topP: 0.999 }, count: 100 },
    { filters: { minP: 1 }, count: V },
  ])('of which $filters keeps $count: the lowest ids', async ({ filters, count }) => {
    const probs = await probsOf({ logits: equal, ...filters });
    expect(kept(probs)).toEqual(Array.from({ length: count }, (_, id) => id));
    expect(probs.subarray(0, count)).toBeWithin(
      new Array(count).fill(1 / count),
      { rel: 1e-6 },
      { label: 'probability' },
    );
  });

  test('at the end of top-k: exactly k, the lower ids', async () => {
    const logits = normals(3, 1000);
    for (const id of [300, 7, 999]) logits[id] = 20;
    for (const id of [2, 5, 411, 640, 998]) logits[id] = 10;
    const rows = [3, 4, 6, 8].map((topK) => ({ logits, topK }));
    const { probs } = await drawWithProbs(device, rows);
    expect(probs.map(kept)).toEqual([
      [7, 300, 999],
      [2, 7, 300, 999],
      [2, 5, 7, 300, 411, 999],
      [2, 5, 7, 300, 411, 640, 998, 999],
    ]);
  });

  test('at the end of top-k, where top-p ends too: still exactly k', async () => {
    const logits = new Float32Array(400).fill(-30);
    logits[200] = 3;
    for (const id of [3, 50, 201, 399]) logits[id] = 0;
    const { probs } = await drawWithProbs(device, [
      { logits, topK: 2, topP: 0.99 },
      { logits, topK: 3, topP: 0.99 },
    ]);
    expect(probs.map(kept)).toEqual([
      [3, 200],
      [3, 50, 200],
    ]);
  });

  test('of which two weigh all and top-p keeps one', async () => {
    const logits = new Float32Array(400).fill(-30);
    for (const id of [3, 9]) logits[id] = 5;
    expect(kept(await probsOf({ logits, topP: 0.3 }))).toEqual([3]);
  });

  test('at the end of top-p: the lower ids up to the one that crosses', async () => {
    const logits = new Float32Array(400).fill(-30);
    // Half of the mass, and an eighth for each of four.
    logits[200] = Math.log(4);
    for (const id of [3, 50, 201, 399]) logits[id] = 0;
    const { probs } = await drawWithProbs(
      device,
      [0.45, 0.55, 0.7, 0.8].map((topP) => ({ logits, topP })),
    );
    expect(probs.map(kept)).toEqual([[200], [3, 200], [3, 50, 200], [3, 50, 200, 201]]);
  });
});

test('min-p 0 keeps tokens of any weight', async () => {
  const logits = Float32Array.of(0, -1, -80);
  expect(kept(await probsOf({ logits }))).toEqual([0, 1, 2]);
  expect(kept(await probsOf({ logits, minP: 1e-20 }))).toEqual([0, 1]);
});

describe('allowed ids', () => {
  const logits = normals(5, 300).map((logit, id) => (id < 250 ? logit : logit + 30));

  test('alone are drawn, although the best logits lie beyond them', async () => {
    const filters = [
      {},
      { temperature: 0 },
      { topK: 20 },
      { topP: 0.9 },
      { topK: 280 },
      { topK: 9, topP: 0.5, minP: 0.1 },
    ];
    const rows = filters.map((filter) => ({ ...filter, logits }));
    const { ids, probs } = await drawWithProbs(device, rows, { allowed: 250 });
    for (const [r, filter] of filters.entries()) {
      const want = processLogits(Float64Array.from(logits.subarray(0, 250)), filtersOf(filter));
      expect(probs[r]!).toBeWithin([...want, ...new Array(50).fill(0)], PROBABILITY, { label: JSON.stringify(filter) });
      expect(want[ids[r]!]).toBeGreaterThan(0);
    }
  });

  test('may be one', async () => {
    expect((await draw(device, [{ logits, topK: 3, topP: 0.5, seed: 4 }], { allowed: 1 })).ids).toEqual([0]);
  });

  test.each([0, 301])('may not be %i of 300', async (allowed) => {
    const refused = draw(device, [{ logits }], { allowed });
    await expect(refused).rejects.toThrow(`sample: allowed is ${allowed}, expected 1 to V = 300`);
  });
});

test.each<Partial<SamplingFilters>>([{ temperature: 0 }, {}, { topK: 20, topP: 0.9, minP: 0.01 }])(
  'a logit that is not finite flags its row and no other: %j',
  async (filters) => {
    const V = 300;
    // Infinities and NaN of both signs and kinds; id, whether allowed or not.
    const faults = [
      [0x7f800000, 0],
      [0xff800000, 299],
      [0x7fc00000, 17],
      [0xffc00001, 260],
      [0x7f800001, 128],
    ] as const;
    const clean = Array.from({ length: 2 * faults.length }, (_, r) => ({ ...filters, seed: r, logits: normals(r, V) }));
    const rows = clean.map((row, r) => {
      if (r % 2 === 0) return row;
      const logits = Float32Array.from(row.logits);
      const [bits, id] = faults[(r - 1) / 2]!;
      new Uint32Array(logits.buffer)[id] = bits;
      return { ...row, logits };
    });
    const want = await draw(device, clean, { allowed: 280 });
    const { ids, finite, nextTokens, probs } = await drawWithProbs(device, rows, { allowed: 280 });
    expect(want.finite).toEqual(clean.map(() => 1));
    expect(finite).toEqual(rows.map((_, r) => (r + 1) % 2));
    expect(ids).toEqual(want.ids.map((id, r) => (r % 2 === 0 ? id : 0)));
    expect(nextTokens).toEqual(ids);
    expect(probs.map((row) => kept(row).length > 0)).toEqual(rows.map((_, r) => r % 2 === 0));
    expect(probs.flatMap((row) => [...row]).some(Number.isNaN)).toBe(false);
  },
);

test('an id goes to its token slot and to no other', async () => {
  const rows = [3, 4, 5].map((seed) => ({ logits: normals(seed, 50), temperature: 0 }));
  const { ids, nextTokens } = await draw(device, rows, { tokenSlots: [4, 0, 2], numSlots: 6 });
  expect(ids).toEqual(rows.map(({ logits }) => logits.indexOf(Math.max(...logits))));
  expect(nextTokens).toEqual([ids[1], NO_TOKEN, ids[2], NO_TOKEN, ids[0], NO_TOKEN]);
});
