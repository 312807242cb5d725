// Matmuls that take a norm in: the bits of the norm and the matmul apart, on rows that strain the norm, and a fault that the
// comparison finds. Each variant is a large program, which compiles for seconds.
// @module-tag sweep
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { VariantChoice } from '../../src/gpu/kernel-spec.ts';
import {
  normMatmul,
  normMatmulKVWrite,
  rmsnormMatmul,
  takesNormIn,
  takesRmsnormIn,
} from '../../src/kernels/matmul/norm-matmul.ts';
import { LAYERNORM } from '../support/kernels/layernorm-case.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { checkNormMatmul, checkNormMatmulKVWrite } from '../support/kernels/norm-matmul-case.ts';
import { RMSNORM } from '../support/kernels/rmsnorm-case.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ reduction: 'gpu' });
});
afterAll(() => device.close());

/** Two rows a workgroup, of which the last has one, and four chunks a round. */
const TWO_ROWS: VariantChoice = { constants: { ROWS: 2, QUADS: 8 }, overrides: { LANES: 32 } };
/** A lane loads two quads of a row in a round. */
const NARROW: VariantChoice = { constants: { ROWS: 1, QUADS: 4 }, overrides: { LANES: 32 } };

// Rows of one quad, of some parts alone, of a part more than all have, and of more than one batch of loads.
test.each([4, 132, 260, 1032])('rows of %i have the bits of the norm and the matmul apart', (K) =>
  checkNormMatmul(device, LAYERNORM, { K, N: 40, dtype: 'f16', activation: 'GELU_NEW' }, TWO_ROWS),
);

test('so do weights of f32 and narrow workgroups, with a residual', { tags: ['slow'] }, () =>
  checkNormMatmul(device, LAYERNORM, { K: 292, N: 33, dtype: 'f32', residual: true }, NARROW),
);

test.each([4, 132, 260, 1032])('rows of %i have the bits of the RMS norm, the matmul and its gates apart', (K) =>
  checkNormMatmul(device, RMSNORM, { K, N: 42, dtype: 'f16', activation: 'SILU_MUL' }, TWO_ROWS),
);

test('so do narrow workgroups without gates, weights of q8', { tags: ['slow'] }, () =>
  checkNormMatmul(device, RMSNORM, { K: 292, N: 33, dtype: 'q8' }, NARROW),
);

test('the comparison finds an RMS norm that scales by gamma first', () => {
  const kernel = mutant(rmsnormMatmul, [['return x * scale * gamma;', 'return x * gamma * scale;']]);
  const shape = { K: 132, N: 42, dtype: 'f16', activation: 'SILU_MUL' } as const;
  return expect(checkNormMatmul(device, RMSNORM, shape, TWO_ROWS, kernel)).rejects.toThrow('words differ');
});

test('so do queries, and keys and values in the cache', () =>
  checkNormMatmulKVWrite(
    device,
    { K: 292, G: 1, SHARE: 7, D: 8, P: 5, numBlocks: 9, dtype: 'f16', weights: 'q8' },
    { constants: { ROWS: 1, QUADS: 8 }, overrides: { LANES: 32 } },
  ));

test('the comparison finds groups of parts that are added in another order', () => {
  const group = 'quads[GROUPS_AT + r * GROUPS + g].x';
  const kernel = mutant(normMatmul, [[group, group.replace('+ g]', '+ GROUPS - 1u - g]')]]);
  const shape = { K: 132, N: 40, dtype: 'f16', activation: 'GELU_NEW' } as const;
  return expect(checkNormMatmul(device, LAYERNORM, shape, TWO_ROWS, kernel)).rejects.toThrow('words differ');
});

test('a variant that does without the norm, lanes over k or the class gpu is refused', () => {
  const { traits } = device;
  expect(() => normMatmul.variant(traits, { conditions: { NORM: false } })).toThrow(
    'norm_matmul: NORM is false, expected true',
  );
  expect(() => normMatmul.variant(traits, { conditions: { KV_F16: true } })).toThrow(
    'which only normMatmulKVWrite can be',
  );
  expect(() => normMatmul.variant(traits, { conditions: { RMS: true } })).toThrow('RMS is true, expected false');
  expect(() => rmsnormMatmul.variant(traits, { conditions: { RMS: false } })).toThrow('RMS is false, expected true');
  expect(() => normMatmulKVWrite.variant(traits, { conditions: { GELU: true } })).toThrow('expected no epilogue');
  expect(() => normMatmulKVWrite.variant(traits, { conditions: { X_VEC4: false } })).toThrow(
    'X_VEC4 is false, expected true',
  );
  expect(() => normMatmul.variant({ ...traits, reduction: 'software' })).toThrow(
    'CHUNK is 32, expected 0 in the reduction class software',
  );
});

test('a model takes norms in on a GPU of the class gpu, for few rows whose length is a multiple of 4', () => {
  const gpu = { ...device.traits, isSoftware: false };
  const N = 2304;
  expect(takesNormIn(gpu, { M: 8, K: 768, N })).toBe(true);
  expect(takesNormIn(gpu, { M: 9, K: 768, N })).toBe(false);
  expect(takesNormIn(gpu, { M: 1, K: 66, N })).toBe(false);
  // The LM head of GPT-2: 1,571 workgroups load a row twice more, 9.65 MB.
  expect(takesNormIn(gpu, { M: 1, K: 768, N: 50257 })).toBe(true);
  expect(takesNormIn(gpu, { M: 2, K: 768, N: 50257 })).toBe(false);
  // An RMS norm loads a row once more.
  expect(takesRmsnormIn(gpu, { M: 2, K: 768, N: 50257 })).toBe(true);
  expect(takesRmsnormIn(gpu, { M: 3, K: 768, N: 50257 })).toBe(false);
  expect(takesNormIn(device.traits, { M: 1, K: 768, N })).toBe(false);
  expect(takesNormIn({ ...gpu, reduction: 'software' }, { M: 1, K: 768, N })).toBe(false);
});
