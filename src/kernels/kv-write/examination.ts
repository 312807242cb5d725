// Examination of the kernel that writes keys and values: exact words in some slots, untouched ones in all others.
import type { Sizes } from '../../gpu/kernel-spec.ts';
import type { Examination, ExaminedCase, ModelDispatch, ModelWork } from '../examination.ts';
import { expectedKVWrite } from './expected.ts';
import { kvDType, kvWrite } from './kv-write.ts';
import { kvWriteInputs, kvWriteOperands } from './operands.ts';

/** Blocks of the cache that is written. */
const NUM_BLOCKS = 3;

/** Dispatch that writes keys and values of G heads of D, in rows of O, into blocks of P tokens. */
type CacheWriter = ModelDispatch & { readonly dims: Sizes<'O' | 'G' | 'D' | 'P'> };

/** Examines a cache of the model's heads. @param writers those of the model, by this kernel or another. */
export function examineKVWrite(work: ModelWork, writers: readonly CacheWriter[]): Examination {
  const kernel = work.kernel(kvWrite);
  const cases = writers.slice(-1).map(({ dims: { O, G, P, D }, variant }): ExaminedCase => {
    const { KV_F16 = false } = variant.conditions;
    const cache = { numBlocks: NUM_BLOCKS, G, P, D, dtype: kvDType(variant.conditions) };
    const inputs = kvWriteInputs(1, cache, { O });
    return {
      kernel,
      fixed: { conditions: { KV_F16 } },
      variants: 'all',
      expected: expectedKVWrite(inputs),
      whole: {
        what: `${inputs.slots.length} tokens`,
        run: (launch, choice) => launch(kernel, kvWriteOperands(inputs), 'kv', choice),
      },
    };
  });
  return { name: kernel.name, cases };
}
