// Faults that the doctor has to find, each planted in one kernel of a model.
import { defineKernel, Kernel } from '../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../src/gpu/kernel-spec.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import { type ModelKernels, modelKernels } from '../../src/models/kernels.ts';
import { matmulOfOtherOrder } from '../support/kernels/matmul-mutants.ts';
import { mutant } from '../support/kernels/mutant.ts';

/** The kernel in its base variant and the model's alone: a fault of all its variants need not be compiled in each. */
export function untuned<S extends KernelSpec>(kernel: Kernel<S>): Kernel<S> {
  return new Kernel<S>({ ...kernel.spec, tunables: {} });
}

/** A fault, and the kernel that the doctor has to name for it. */
export interface Fault {
  readonly fault: string;
  readonly kernel: string;
  readonly planted: () => Partial<ModelKernels>;
}

const GLOBAL_MAXIMUM =
  'for (var z = first; z < end; z++) { folded.x = max(folded.x, partials[(row + z) * (params.D + 2u)]); }';

/** GELU with another constant. */
const otherGelu = (shaderSources().activation ?? '').replace('0.044715', '0.0457');

export const SPLIT_AND_FOLD = 'attention_split + attention_fold';

/** One of each kernel. */
export const FAULTS: readonly Fault[] = [
  {
    fault: 'a position that is one too low',
    kernel: 'embed',
    planted: () => ({ embed: mutant(modelKernels.embed, [['u32(positions[t])', 'u32(max(positions[t] - 1, 0))']]) }),
  },
  {
    fault: 'a missing epsilon',
    kernel: 'layernorm',
    planted: () => ({ layernorm: mutant(modelKernels.layernorm, [[' + params.eps', '']]) }),
  },
  {
    fault: 'another order of k for a single row',
    kernel: 'matmul',
    planted: () => ({ matmul: untuned(matmulOfOtherOrder('params.M == 1u')) }),
  },
  {
    fault: 'values in the place of keys',
    kernel: 'matmul_kv_write',
    planted: () => ({
      matmulKVWrite: mutant(untuned(modelKernels.matmulKVWrite), [
        ['let head = (n - num_q_columns()) / params.D;', 'let head = (params.N - 1u - n) / params.D;'],
      ]),
    }),
  },
  {
    fault: 'heads in another order',
    kernel: 'kv_write',
    planted: () => ({
      kvWrite: mutant(untuned(modelKernels.kvWrite), [['* params.G - g)', '* params.G - (params.G - 1u - g))']]),
    }),
  },
  {
    fault: 'a row that sees one key too many',
    kernel: 'attention',
    planted: () => ({
      attention: mutant(untuned(modelKernels.attention), [
        ['let position = u32(positions[token]);', 'let position = u32(positions[token] + 1);'],
      ]),
    }),
  },
  {
    fault: 'a split that misses its last key',
    kernel: SPLIT_AND_FOLD,
    planted: () => ({
      attentionSplit: mutant(untuned(modelKernels.attentionSplit), [
        ['(index + 1u) * SPLIT_KEYS', '(index + 1u) * SPLIT_KEYS - 1u'],
      ]),
    }),
  },
  {
    fault: 'a fold by the maximum over all splits',
    kernel: SPLIT_AND_FOLD,
    planted: () => ({
      attentionFold: mutant(untuned(modelKernels.attentionFold), [
        ['var folded = NOTHING;', `var folded = NOTHING; ${GLOBAL_MAXIMUM}`],
      ]),
    }),
  },
  {
    fault: 'the next row',
    kernel: 'gather_rows',
    planted: () => ({
      gatherRows: mutant(modelKernels.gatherRows, [['u32(rows[global.y])', 'u32(rows[global.y] + 1)']]),
    }),
  },
  {
    fault: 'a repetition penalty that rewards',
    kernel: 'adjust_logits',
    planted: () => ({
      adjustLogits: mutant(untuned(modelKernels.adjustLogits), [
        ['x * repetition, x / repetition', 'x / repetition, x * repetition'],
      ]),
    }),
  },
  {
    fault: 'a mask with its bits from the highest down',
    kernel: 'mask_logits',
    planted: () => ({
      maskLogits: mutant(untuned(modelKernels.maskLogits), [
        ['>> (first % WORD_BITS)', '>> (31u - first % WORD_BITS)'],
      ]),
    }),
  },
  {
    fault: 'the highest id on a tie',
    kernel: 'sample',
    planted: () => ({
      sample: mutant(untuned(modelKernels.sample), [
        ['atomicMax(&maxima[pair + 1u], ~id)', 'atomicMax(&maxima[pair + 1u], id)'],
        [', ~atomicLoad(&maxima[pair + 1u])', ', atomicLoad(&maxima[pair + 1u])'],
      ]),
    }),
  },
  {
    fault: 'a log-probability of the next id',
    kernel: 'logprobs',
    planted: () => ({
      logprobs: mutant(untuned(modelKernels.logprobs), [
        ['chosen[workgroup.x * params.J]', 'chosen[workgroup.x * params.J] + 1u'],
      ]),
    }),
  },
];

/** Others of the kernels that have the largest programs. */
export const MORE_FAULTS: readonly Fault[] = [
  {
    fault: 'a missing bias',
    kernel: 'matmul',
    planted: () => ({ matmul: mutant(untuned(modelKernels.matmul), [[' + bias_of_n', '']]) }),
  },
  {
    fault: 'a residual that is overwritten',
    kernel: 'matmul',
    planted: () => ({ matmul: mutant(untuned(modelKernels.matmul), [['value = out[o] + value', 'value = value']]) }),
  },
  {
    fault: 'another constant in GELU',
    kernel: 'matmul',
    planted: () => ({
      matmul: untuned(defineKernel({ ...modelKernels.matmul.spec, modules: { activation: otherGelu } })),
    }),
  },
  {
    fault: 'scores without their scale',
    kernel: 'attention',
    planted: () => ({ attention: mutant(untuned(modelKernels.attention), [[' * params.scale', '']]) }),
  },
];
