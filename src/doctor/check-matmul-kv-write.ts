// Check of the matmul that writes keys and values into the cache and queries into its output.
import { modelVariants } from '../gpu/kernel-variants.ts';
import { scatteredSlots } from '../kernels/kv-write/operands.ts';
import { expectedProjection } from '../kernels/matmul/expected.ts';
import { fillsKVRow } from '../kernels/matmul/matmul.ts';
import { matmulConditions, matmulInputs, projectionOperands } from '../kernels/matmul/operands.ts';
import { MATMUL_BUCKETS, priorChoice } from '../tuning/matmul-tuning.ts';
import { Judge, type KernelReport } from './judge.ts';
import { cacheShape, type Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** Tokens, and blocks of the cache that they go to. */
const [T, NUM_BLOCKS] = [7, 3];

/**
 * The matmul that leaves q in its output and puts k and v of a few tokens into scattered slots. Of a model whose heads
 * don't fill the rows of the cache nothing is run: it does without the kernel.
 */
export async function checkMatmulKVWrite(subject: Subject): Promise<KernelReport> {
  const { device, kernels, config, dtype, kvDtype } = subject;
  const { headDim, hiddenSize: C } = config;
  const kernel = kernels.matmulKVWrite;
  const judge = new Judge(kernel.name);
  if (!fillsKVRow(headDim, kvDtype)) return judge.report();

  const cache = cacheShape(config, kvDtype, NUM_BLOCKS);
  const slots = scatteredSlots(cache, T);
  const inputs = { ...matmulInputs(0, { M: T, K: C, N: 3 * C }, dtype), cache, slots };
  const operands = projectionOperands(inputs);
  const conditions = { ...matmulConditions(inputs), X_VEC4: C % 4 === 0, KV_F16: kvDtype === 'f16' };
  const model = MATMUL_BUCKETS.map((M) => priorChoice(device.traits, M));
  const variants = modelVariants(kernel, device.traits, { conditions }, model);
  for (const [output, expected] of Object.entries(expectedProjection(inputs))) {
    const runs = variants.map((variant) => ({
      variant,
      what: `${output} of ${T} tokens`,
      run: () => runOnce(device, { kernel, ...operands, choice: variant.choice, output }),
    }));
    await judge.check(runs, expected);
  }
  return judge.report();
}
