// Examinations of the kernels that rotate: queries in place, and keys and values in some slots of a cache, all others untouched.
import type { Kernel } from '../../gpu/kernel.ts';
import type { DispatchOf, Examination, ExaminedCase, ModelWork } from '../examination.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { expectedRope } from './expected.ts';
import { normRopeOperands, ropeInputs, ropeOperands } from './operands.ts';
import { normRopeKVWrite, ropeKVWrite } from './rope-kv-write.ts';

/** Blocks of the cache that is written. */
const NUM_BLOCKS = 3;

type Rotation = DispatchOf<typeof ropeKVWrite.spec> | DispatchOf<typeof normRopeKVWrite.spec>;

/** Examines heads of a model's sizes. */
export function examineRopeKVWrite(work: ModelWork): Examination {
  return examine(work.kernel(ropeKVWrite), work.of(ropeKVWrite));
}

/** Examines heads of a model's sizes that have norms. */
export function examineNormRopeKVWrite(work: ModelWork): Examination {
  return examine(work.kernel(normRopeKVWrite), work.of(normRopeKVWrite));
}

function examine(kernel: Kernel, dispatches: readonly Rotation[]): Examination {
  return { name: kernel.name, cases: dispatches.slice(-1).flatMap((dispatch) => casesOf(kernel, dispatch)) };
}

function casesOf(kernel: Kernel, { dims, variant }: Rotation): ExaminedCase[] {
  const { H, G, P, D } = dims;
  const { KV_F16 = false } = variant.conditions;
  const cache = { numBlocks: NUM_BLOCKS, G, P, D, dtype: kvDType(variant.conditions) };
  const inputs = ropeInputs(1, cache, { H, eps: 'eps' in dims ? dims.eps : null });
  const operands = inputs.norms === null ? ropeOperands(inputs) : normRopeOperands(inputs, inputs.norms);
  return Object.entries(expectedRope(inputs)).map(([output, expected]) => ({
    kernel,
    fixed: { conditions: { KV_F16 } },
    variants: 'all',
    expected,
    whole: {
      what: `${output} of ${inputs.slots.length} tokens`,
      run: (launch, choice) => launch(kernel, operands, output, choice),
    },
  }));
}
