// The float64 operators against torch in float64, and where a shorter formula would lose digits.
import { describe, expect, test } from 'vitest';
import {
  argmax,
  attention,
  gelu,
  geluNew,
  layerNorm,
  logSoftmax,
  matmul,
  matmulTransposed,
  relu,
  rmsNorm,
  silu,
  softmax,
} from '../../src/reference/index.ts';
import { uniforms } from '../../src/util/random-values.ts';
import '../../src/testing/vitest.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

const fixtures = readSafetensors('test/fixtures/ops.safetensors');
const fixture = (name: string) => fixtures.get(name)!;

/**
 * The stored values are float64 results rounded to float32, half a unit in the last place. The absolute part covers the
 * float64 sums of up to 768 terms on both sides: 2 · 768 · 2^-53 · |terms| < 1e-11 with terms up to 50.
 */
const ROUNDED = { rel: 2 ** -24, abs: 1e-11 };

describe('against torch in float64', () => {
  test('layerNorm, with outlier, constant and huge rows', () => {
    const out = layerNorm(fixture('layernorm.x'), fixture('layernorm.gamma'), fixture('layernorm.beta'), {
      M: 7,
      C: 768,
      epsilon: 1e-5,
    });
    expect(out).toBeWithin(fixture('layernorm.out'), ROUNDED, { label: 'layerNorm' });
  });

  test.each([
    { name: 'gelu', operator: gelu },
    { name: 'gelu_new', operator: geluNew },
    { name: 'relu', operator: relu },
  ])('$name, up to ±3e38', ({ name, operator }) => {
    // torch's 1 + erf and 1 + tanh cancel in the negative tail, where |x| < 12: an error of 12 · 2^-53 at most.
    expect(operator(fixture('gelu.x'))).toBeWithin(
      fixture(`gelu.${name}`),
      { rel: 2 ** -24, abs: 12 * 2 ** -53 },
      { label: name },
    );
  });

  test('matmul with bias', () => {
    const out = matmul(fixture('matmul.x'), fixture('matmul.w'), fixture('matmul.b'), { M: 5, K: 300, N: 77 });
    expect(out).toBeWithin(fixture('matmul.out'), ROUNDED, { label: 'matmul' });
  });

  test.each([
    { name: 'prefill', T: 33, context: 33, H: 3, D: 64 },
    { name: 'decode', T: 1, context: 77, H: 3, D: 64 },
    { name: 'chunk', T: 9, context: 41, H: 2, D: 16 },
  ])('attention: $name', ({ name, ...shape }) => {
    const input = (part: string) => fixture(`attention.${name}.${part}`);
    const out = attention(input('q'), input('k'), input('v'), { ...shape, scale: 1 / Math.sqrt(shape.D) });
    expect(out).toBeWithin(fixture(`attention.${name}.out`), ROUNDED, { label: name });
  });
});

test('the GELUs keep their relative accuracy in the negative tail, where 1 + erf and 1 + tanh would cancel', () => {
  // Computed with 60 digits.
  expect(gelu(Float64Array.of(-10, -8))).toBeWithin(
    [-7.619853024160526e-23, -4.976768459417427e-15],
    { rel: 1e-13 },
    { label: 'gelu' },
  );
  expect(geluNew(Float64Array.of(-10, -8))).toBeWithin(
    [-1.204092348209806e-37, -3.1077829375011112e-21],
    { rel: 1e-13 },
    { label: 'geluNew' },
  );
});

test('matmul sums every K, also those that are no multiple of four', () => {
  for (const K of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    const M = 2;
    const N = 3;
    // Small integers: exact in float64.
    const x = Float64Array.from({ length: M * K }, (_, i) => i + 1);
    const w = Float64Array.from({ length: K * N }, (_, i) => 10 - i);
    const want = Float64Array.from({ length: M * N }, (_, index) => {
      const [i, j] = [Math.floor(index / N), index % N];
      let sum = 0;
      for (let k = 0; k < K; k++) sum += (i * K + k + 1) * (10 - (k * N + j));
      return sum;
    });
    expect(matmul(x, w, undefined, { M, K, N })).toEqual(want);
    const transposed = Float64Array.from({ length: N * K }, (_, i) => w[(i % K) * N + Math.floor(i / K)]!);
    expect(matmulTransposed(x, transposed, { M, K, N })).toEqual(want);
  }
});

test('attention does not read the keys and values after a query', () => {
  const NaNs = [Number.NaN, Number.NaN];
  const q = Float64Array.of(1, 2, 3, 4);
  const keys = Float64Array.of(1, 1, 5, 6, ...NaNs);
  const values = Float64Array.of(3, 4, 7, 8, ...NaNs);
  const shape = { H: 1, D: 2, scale: 1 };
  const whole = attention(Float64Array.of(...q, 0, 0), keys, values, { T: 3, context: 3, ...shape });
  const known = attention(q, keys.subarray(0, 4), values.subarray(0, 4), { T: 2, context: 2, ...shape });
  expect(whole.subarray(0, 4)).toEqual(known);
  expect([...known.subarray(0, 2)]).toEqual([3, 4]);
});

/** Repeats each of the heads [T, G, D] `share` times. */
function repeated(x: Float64Array, share: number, D: number): Float64Array {
  const heads = Array.from({ length: x.length / D }, (_, head) => x.subarray(head * D, (head + 1) * D));
  return Float64Array.from(
    heads.flatMap((head) =>
      Array(share)
        .fill([...head])
        .flat(),
    ),
  );
}

describe('attention with key heads of several query heads', () => {
  const [T, context, H, G, D, scale] = [3, 7, 6, 2, 4, 0.5];
  const [q, k, v] = [T * H * D, context * G * D, context * G * D].map((n, i) => Float64Array.from(uniforms(i, n)));

  test('is attention over heads that are repeated', () => {
    const out = attention(q!, k!, v!, { T, context, H, G, D, scale });
    expect(out).toEqual(attention(q!, repeated(k!, 3, D), repeated(v!, 3, D), { T, context, H, D, scale }));
  });

  test('reads the keys of its window alone', () => {
    const window = 2;
    const out = attention(q!, k!, v!, { T, context, H, G, D, scale, window });
    for (let t = 0; t < T; t++) {
      const position = context - T + t;
      const seen = (x: Float64Array) => x.subarray((position - window + 1) * G * D, (position + 1) * G * D);
      const row = q!.subarray(t * H * D, (t + 1) * H * D);
      const alone = attention(row, seen(k!), seen(v!), { T: 1, context: window, H, G, D, scale });
      expect(out.subarray(t * H * D, (t + 1) * H * D)).toEqual(alone);
    }
  });

  test('sees every key where the window is as long as the context, and all but the first where it is a key shorter', () => {
    const all = attention(q!, k!, v!, { T, context, H, G, D, scale });
    expect(attention(q!, k!, v!, { T, context, H, G, D, scale, window: context })).toEqual(all);
    const shorter = attention(q!, k!, v!, { T, context, H, G, D, scale, window: context - 1 });
    const differs = [0, 1, 2].map((t) => !isEqual(shorter, all, t * H * D, (t + 1) * H * D));
    expect(differs).toEqual([false, false, true]);
  });
});

function isEqual(a: Float64Array, b: Float64Array, from: number, to: number): boolean {
  return a.subarray(from, to).every((value, i) => value === b[from + i]);
}

test('rmsNorm divides by the root of the mean square', () => {
  const out = rmsNorm(Float64Array.of(3, 4, 0, 0, 1, 0), Float64Array.of(1, -2), { M: 3, C: 2, epsilon: 0.5 });
  const [a, b] = [Math.sqrt(13), Math.sqrt(0.5)];
  const want = [3 / a, -8 / a, 0 / b, -0 / b, 1, -0];
  expect(out).toBeWithin(want, { rel: 2 ** -51 }, { label: 'rmsNorm' });
});

test('silu is x · σ(x), finite for every finite x', () => {
  const out = silu(Float64Array.of(0, 1, -1, 1e300, -1e300, -800));
  const sigma = 1 / (1 + Math.exp(-1));
  expect(out).toBeWithin([0, sigma, sigma - 1, 1e300, 0, 0], { rel: 2 ** -50 }, { label: 'silu' });
});

test('softmax and logSoftmax neither overflow nor underflow, and give masked values nothing', () => {
  const x = Float64Array.of(5000, 5000 + Math.log(3), Number.NEGATIVE_INFINITY);
  // 5000 + log 3 is rounded to 2^-41 at 5000.
  expect(softmax(x)).toBeWithin([0.25, 0.75, 0], { abs: 1e-12 }, { label: 'softmax' });
  expect(logSoftmax(x)).toBeWithin(
    [Math.log(0.25), Math.log(0.75), Number.NEGATIVE_INFINITY],
    { abs: 1e-12 },
    { label: 'logSoftmax' },
  );
  expect(logSoftmax(Float64Array.of(0, -4000))[1]).toBe(-4000);
});

test('argmax takes the lowest index of equal values', () => {
  expect(argmax(Float64Array.of(-2, 7, 3, 7))).toBe(1);
});

test('a wrong length is refused by name', () => {
  const shape = { M: 1, K: 2, N: 3 };
  const [x, w, bias] = [new Float64Array(2), new Float64Array(6), new Float64Array(3)];
  expect(() => matmul(x, w.subarray(1), bias, shape)).toThrow('matmul w.length is 5, expected 6');
  expect(() => matmul(x, w, bias.subarray(1), shape)).toThrow('matmul bias.length is 2, expected 3');
});
