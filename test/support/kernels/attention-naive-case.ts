import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { attentionNaive } from '../../../src/kernels/attention/attention-naive.ts';
import { floatsOf, unwritten } from '../../../src/kernels/kernel-case.ts';
import { AttentionCase } from './attention-case.ts';
import { expectWithin } from './expect-within.ts';
import { runKernel } from './run-kernel.ts';

/** Expects of one prompt of 70 tokens what float64 makes of it. */
export async function checkAttentionNaive(
  device: Device,
  kernel: Kernel<typeof attentionNaive.spec> = attentionNaive,
): Promise<void> {
  const [S, H, D] = [70, 2, 12];
  const step = AttentionCase.random({ H, D, P: 16, dtype: 'f32' }, [{ context: S, queries: S }]);
  const operands = { qkv: step.qkv, out: unwritten(S, H * D) };
  const got = await runKernel(device, kernel, operands, { H, D, scale: 1 / Math.sqrt(D) });
  const { want, tolerance } = step.expected();
  // Its one chain of S additions is no longer than twice that of `attention`, 32 + 2 · 3 roundings.
  expectWithin(
    floatsOf(got),
    want,
    tolerance.map((value) => 2 * value),
    'naive',
  );
}
