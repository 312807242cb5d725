// Check of the naive attention on a prompt.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { NO_WINDOW } from '../../../src/kernels/attention/attention.ts';
import { attentionNaive } from '../../../src/kernels/attention/attention-naive.ts';
import { expectedAttention } from '../../../src/kernels/attention/expected.ts';
import { AttentionStep } from '../../../src/kernels/attention/operands.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { REDUCTIONS } from '../../../src/kernels/reductions.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

/** Expects of one prompt of 70 tokens, whose query heads share keys and see all of them or some, the values of float64. */
export async function checkAttentionNaive(
  device: Device,
  kernel: Kernel<typeof attentionNaive.spec> = attentionNaive,
): Promise<void> {
  const shape = { G: 2, SHARE: 3, D: 12, P: 16, dtype: 'f32', sums: REDUCTIONS.software } as const;
  for (const window of [NO_WINDOW, 9]) {
    const step = AttentionStep.random({ ...shape, window }, [{ context: 70, queries: 70 }]);
    const { tensors, scalars } = step.naive();
    const got = await runKernel(device, kernel, tensors, scalars, { constants: { SHARE: shape.SHARE } });
    const { want, tolerance } = expectedAttention(step);
    // Its one chain of T additions is no longer than twice that of `attention`, 32 + 2 · 3 roundings.
    assertPasses(
      compareWithin(
        floatsOf(got),
        want,
        tolerance.map((value) => 2 * value),
        { label: `naive, window ${window}` },
      ),
    );
  }
}
