// Check of layer norm: rows together and each alone.
import { modelVariants } from '../gpu/kernel-variants.ts';
import { expectedLayernorm } from '../kernels/layernorm/expected.ts';
import { LAYERNORM_ROWS, layernormInputs, layernormOperands } from '../kernels/layernorm/operands.ts';
import { Judge, type KernelReport } from './judge.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** Layer norm of ordinary and awkward rows, together and each alone. */
export async function checkLayernorm({ device, kernels: { layernorm }, config }: Subject): Promise<KernelReport> {
  const { hiddenSize: C, normEpsilon } = config;
  const inputs = layernormInputs(1, C, normEpsilon);
  const N = LAYERNORM_ROWS.length;
  const run = (first: number, rows: number) => {
    const x = inputs.x.slice(first * C, (first + rows) * C);
    const operands = layernormOperands({ ...inputs, x });
    return () => runOnce(device, { kernel: layernorm, ...operands, output: 'out' });
  };
  const judge = new Judge(layernorm.name);
  for (const variant of modelVariants(layernorm, device.traits)) {
    const alone = LAYERNORM_ROWS.map((name, n) => ({
      variant,
      what: `${name} row of ${C} alone`,
      start: n * C,
      run: run(n, 1),
    }));
    await judge.check([{ variant, what: `${N} rows of ${C}`, run: run(0, N) }, ...alone], expectedLayernorm(inputs));
  }
  return judge.report();
}
