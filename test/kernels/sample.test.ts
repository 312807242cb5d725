import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SamplingRow } from '../../src/core/batch-plan.ts';
import { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { sample, sampleProbs } from '../../src/kernels/sample.ts';
import { gumbelSample, processLogits } from '../../src/reference/sampling.ts';
import { splitSeed, uniform } from '../../src/util/rng.ts';
import { expectClose } from '../support/approx.ts';
import { GuardedTensor, operand } from '../support/guarded-tensor.ts';
import { readSafetensors } from '../support/read-safetensors.ts';
import { floatsOf } from '../support/run-kernel.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

interface Row extends Partial<Omit<SamplingRow, 'tokenSlot'>> {
  readonly logits: ArrayLike<number>;
}

interface Options {
  readonly on?: Device;
  readonly allowed?: number;
  readonly lanes?: number;
}

interface Drawn {
  readonly ids: number[];
  readonly finite: number[];
  readonly nextTokens: number[];
  /** [R, V] */
  readonly probs: Float32Array;
}

/** Runs both kernels, which must draw the same; outputs start as garbage. Row r's token slot is R − 1 − r. */
async function draw(rows: readonly Row[], options: Options = {}): Promise<Drawn> {
  const { on = device, lanes } = options;
  const R = rows.length;
  const V = rows[0]!.logits.length;
  const logits = new Float32Array(R * V);
  const words = new Uint32Array(R * 8);
  for (const [
    r,
    { logits: row, temperature = 1, topK = 0, topP = 1, minP = 0, seed = 0, position = 0 },
  ] of rows.entries()) {
    logits.set(row, r * V);
    const [t, p, m] = new Uint32Array(Float32Array.of(temperature, topP, minP).buffer);
    words.set([t!, topK, p!, m!, ...splitSeed(seed), position, R - 1 - r], 8 * r);
  }
  using owned = new DisposableStack();
  const guarded = (label: string, data: Float32Array | Int32Array | Uint32Array, ...shape: number[]) =>
    owned.use(new GuardedTensor(on, label, operand(data, ...shape)));
  const inputs = {
    logits: owned.use(Tensor.from(on, 'logits', logits, [R, V])),
    sampling: owned.use(Tensor.from(on, 'sampling', words, [R, 8])),
  };
  const outputs = ['sample', 'sampleProbs'].map((name) => ({
    sampled: guarded(`${name} sampled`, new Uint32Array(2 * R).fill(77), R, 2),
    next_tokens: guarded(`${name} next tokens`, new Int32Array(R + 2).fill(-7), R + 2),
  }));
  const probs = guarded('probs', new Float32Array(R * V).fill(Number.NaN), R, V);
  const [plain, withProbs] = outputs.map(({ sampled, next_tokens }) => ({
    sampled: sampled.tensor,
    next_tokens: next_tokens.tensor,
  }));
  const scalars = { allowed: options.allowed ?? V };
  const choice = lanes === undefined ? {} : { overrides: { LANES: lanes } };
  await sample.run(on, { ...inputs, ...plain! }, scalars, choice);
  await sampleProbs.run(on, { ...inputs, ...withProbs!, probs: probs.tensor }, scalars, choice);
  const [a, b] = await Promise.all(
    outputs.map(async ({ sampled, next_tokens }) => ({
      sampled: [...(await sampled.readWords())],
      nextTokens: [...new Int32Array(await next_tokens.readWords())],
    })),
  );
  expect(b).toEqual(a);
  expect(a!.nextTokens.slice(R)).toEqual([-7, -7]);
  return {
    ids: a!.sampled.filter((_, i) => i % 2 === 0),
    finite: a!.sampled.filter((_, i) => i % 2 === 1),
    nextTokens: a!.nextTokens.slice(0, R),
    probs: floatsOf(await probs.readWords()),
  };
}

/** Logits whose differences look like a model's. */
function randomLogits(V: number, seed: number, spread = 4): Float32Array {
  return Float32Array.from({ length: V }, (_, id) => {
    const [u, v] = [uniform(seed, 1, id), uniform(seed, 2, id)];
    return spread * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  });
}

describe('the distribution of a row', () => {
  interface FixtureCase {
    readonly name: string;
    readonly temperature?: number;
    readonly top_k?: number;
    readonly top_p?: number;
    readonly min_p?: number;
  }
  const tensors = readSafetensors('test/fixtures/sampling.safetensors');
  const all: FixtureCase[] = JSON.parse(readFileSync('test/fixtures/sampling.json', 'utf8'));
  const ADJUSTS_LOGITS = ['repetition_penalty', 'presence_penalty', 'frequency_penalty', 'logit_bias'];
  const cases = all
    .map((fixture, i) => ({ ...fixture, logits: tensors.get(`${i}.logits`)!, probs: tensors.get(`${i}.probs`)! }))
    .filter((fixture) => !ADJUSTS_LOGITS.some((key) => key in fixture));

  test('is covered by 38 fixtures', () => {
    expect(cases.length).toBe(38);
  });

  test.each(cases)('equals Hugging Face: $name', async ({ name, logits, probs: want, ...fixture }) => {
    const { temperature = 1, top_k: topK = 0, top_p: topP = 1, min_p: minP = 0 } = fixture;
    const { probs, ids } = await draw([{ logits, temperature, topK, topP, minP }]);
    // The figure that the project promises for every probability.
    expectClose(probs, want, { abs: 1e-5 }, name);
    expect(want[ids[0]!]).toBeGreaterThan(0);
  });

  const ties = [0, 2, 1, 2, 2, -1, 2, 0, 1];
  test.each<Omit<Row, 'logits'>>([
    { topK: 1 },
    { topK: 3 },
    { topK: 5 },
    { topK: 9 },
    { topK: 100 },
    { topP: 1e-6 },
    { topP: 0.5 },
    { topP: 0.99 },
    { minP: 1 },
    { minP: 0.2 },
    { topK: 6, topP: 0.8, minP: 0.1 },
    { temperature: 0 },
    { temperature: 1e-3, topP: 0.9 },
    { temperature: 50, topK: 7 },
  ])('keeps as many equal logits as %j says, the lower ids first', async (params) => {
    const want = processLogits(Float64Array.from(ties), { temperature: 1, topK: 0, topP: 1, minP: 0, ...params });
    const { probs } = await draw([{ logits: ties, ...params }]);
    expectClose(probs, want, { abs: 1e-6 }, JSON.stringify(params));
  });

  test.each([1, 2, 31, 257, 8192, 50257])('equals the float64 reference for %d tokens', async (V) => {
    const logits = randomLogits(V, V);
    const params = { temperature: 0.8, topK: Math.ceil(V / 2), topP: 0.95, minP: 1e-3 };
    const { probs } = await draw([{ logits, ...params }]);
    expectClose(probs, processLogits(Float64Array.from(logits), params), { abs: 1e-5 }, `V = ${V}`);
  });
});

describe('the drawn id', () => {
  test('of a greedy row is the lowest of the best, whatever the filters say', async () => {
    const logits = [0, 3, -1, 3, 3];
    const { ids } = await draw([
      { logits, temperature: 0 },
      { logits, temperature: 0, topK: 2, topP: 0.1, minP: 0.5, seed: 9 },
      { logits: [-5, -5, -5, -5, -4], temperature: 0 },
    ]);
    expect(ids).toEqual([1, 1, 4]);
  });

  test('is the one that the float64 reference draws, wherever the two best scores are not too near', async () => {
    const rows = Array.from({ length: 400 }, (_, i) => ({
      logits: randomLogits(300, i % 7),
      temperature: 0.7 + (i % 3) / 5,
      topP: i % 2 ? 0.9 : 1,
      topK: i % 5 ? 0 : 40,
      seed: 2 ** 40 + i,
      position: 3 * i,
    }));
    const { ids } = await draw(rows);
    const want = rows.map(({ logits, seed, position, ...filters }) =>
      gumbelSample(Float64Array.from(logits), { minP: 0, ...filters }, seed, position),
    );
    const numEqual = ids.filter((id, i) => id === want[i]).length;
    // A score is off by a few ulp of 16, 1e-5 at most; scores lie that near in fewer than one row of a thousand.
    expect(numEqual).toBeGreaterThanOrEqual(399);
  });

  /** Σ (count − expected)² / expected over the draws from log(probs) / temperature. */
  async function chiSquare(probs: readonly number[], numDraws: number, temperature: number): Promise<number> {
    const logits = probs.map(Math.log);
    const rows = Array.from({ length: numDraws }, (_, i) => ({ logits, temperature, seed: 11, position: i }));
    const { ids } = await draw(rows);
    const counts = probs.map((_, id) => ids.filter((drawn) => drawn === id).length);
    return probs.reduce((sum, p, id) => sum + (counts[id]! - numDraws * p) ** 2 / (numDraws * p), 0);
  }
  const probs = [0.4, 0.25, 0.15, 0.1, 0.06, 0.03, 0.01];
  // 6 degrees of freedom: beyond 22.46 once in a thousand seeds; this one is fixed.
  const CRITICAL = 22.46;

  test('is drawn with its probability: 20,000 draws pass a χ² test', async () => {
    expect(await chiSquare(probs, 20_000, 1)).toBeLessThan(CRITICAL);
  });

  test('fails the χ² test when the temperature is off by a tenth', async () => {
    expect(await chiSquare(probs, 20_000, 1.1)).toBeGreaterThan(CRITICAL);
  });

  const mixed: Row[] = [
    { logits: randomLogits(3000, 1), temperature: 0 },
    { logits: randomLogits(3000, 2), seed: 5, position: 8 },
    { logits: randomLogits(3000, 3), topP: 0.9, temperature: 0.7, seed: 6 },
    { logits: randomLogits(3000, 4), topK: 50, seed: 7 },
    { logits: randomLogits(3000, 5, 0.01), topP: 0.5, topK: 2000, seed: 8 },
    { logits: new Float32Array(3000), topP: 0.3, seed: 9 },
  ];

  test('does not depend on the lanes, the optional features or the other rows, nor do the probabilities', async () => {
    const want = await draw(mixed, { lanes: 64 });
    for (const lanes of [8, 32, 256]) expect(await draw(mixed, { lanes }), `${lanes} lanes`).toEqual(want);
    using base = await Device.open({ features: 'base' });
    expect(await draw(mixed, { on: base })).toEqual(want);
    for (const [r, row] of mixed.entries()) expect((await draw([row])).ids[0], `row ${r} alone`).toBe(want.ids[r]);
    expect((await draw(mixed.toReversed())).ids).toEqual(want.ids.toReversed());
    expect(want.nextTokens).toEqual(want.ids.toReversed());
  });

  test('is never one beyond the allowed ids, although the best logit lies there', async () => {
    const logits = randomLogits(500, 1).map((logit, id) => (id >= 100 ? logit + 50 : logit));
    const rows = Array.from({ length: 60 }, (_, i) => ({ logits, seed: i, topP: i % 2 ? 0.9 : 1, temperature: i % 3 }));
    const { ids, probs } = await draw(rows, { allowed: 100 });
    expect(Math.max(...ids)).toBeLessThan(100);
    const { probs: alone } = await draw([{ logits: logits.subarray(0, 100), topP: 0.9, temperature: 1 }]);
    expect(probs.slice(500, 600)).toEqual(alone);
    expect(Math.max(...probs.filter((_, i) => i % 500 >= 100))).toBe(0);
  });

  test.each([Number.NaN, Infinity, -Infinity])('of a row with %d is flagged, and no other row is', async (broken) => {
    const bad = randomLogits(300, 1);
    bad[299] = broken;
    const good = randomLogits(300, 2);
    const rows = [good, bad, good].map((logits) => ({ logits, topP: 0.9, seed: 4 }));
    const { ids, finite, probs } = await draw(rows);
    expect(finite).toEqual([1, 0, 1]);
    expect(ids[1]).toBe(0);
    expect(ids[2]).toBe(ids[0]);
    expect([...probs.subarray(300, 600)].every((p) => p === 0)).toBe(true);
  });

  test('is refused where no id, or more than there are, may be drawn', async () => {
    await expect(draw([{ logits: [1, 2] }], { allowed: 0 })).rejects.toThrow('allowed is 0, expected 1 to V = 2');
    await expect(draw([{ logits: [1, 2] }], { allowed: 3 })).rejects.toThrow('allowed is 3, expected 1 to V = 2');
  });
});
