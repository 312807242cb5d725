// Check of the kernel that writes keys and values: exact words in some slots, untouched ones in all others.
import { allVariants } from '../gpu/kernel-variants.ts';
import { expectedKVWrite } from '../kernels/kv-write/expected.ts';
import { kvWriteInputs, kvWriteOperands } from '../kernels/kv-write/operands.ts';
import { Judge, type KernelReport } from './judge.ts';
import { cacheShape, type Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** Blocks of the cache that is written. */
const NUM_BLOCKS = 3;

/** Keys and values of a few tokens into scattered slots, and nothing into any other. */
export async function checkKVWrite({ device, kernels, config, kvDtype }: Subject): Promise<KernelReport> {
  const kernel = kernels.kvWrite;
  const inputs = kvWriteInputs(1, cacheShape(config, kvDtype, NUM_BLOCKS));
  const operands = kvWriteOperands(inputs);
  const judge = new Judge(kernel.name);
  const fixed = { conditions: { KV_F16: kvDtype === 'f16' } };
  const runs = allVariants(kernel, device.traits, fixed).map((variant) => ({
    variant,
    what: `${inputs.slots.length} tokens`,
    run: () => runOnce(device, { kernel, ...operands, choice: variant.choice, output: 'kv' }),
  }));
  await judge.check(runs, expectedKVWrite(inputs));
  return judge.report();
}
