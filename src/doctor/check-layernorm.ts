import { modelVariants } from '../gpu/kernel-variants.ts';
import { floatsOf, unwritten } from '../kernels/kernel-case.ts';
import { layerNormBound } from '../reference/error-bounds.ts';
import { layerNorm } from '../reference/operators.ts';
import { Judge, type KernelReport } from './judge.ts';
import { randomValues } from './random-values.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** Rows that strain the sums, beside an ordinary one. */
const ROWS: readonly ((x: number, c: number) => number)[] = [
  (x) => x,
  (x, c) => (c === 1 ? 1000 * x : x),
  () => 3.7,
  (x) => x + 1000,
  (x) => 1e-4 * x,
];

/** Layer norm of ordinary and awkward rows, together and each alone. */
export async function checkLayernorm({ device, kernels: { layernorm }, config }: Subject): Promise<KernelReport> {
  const { hiddenSize: C, normEpsilon: epsilon } = config;
  const N = ROWS.length;
  const x = Float32Array.from(ROWS.flatMap((change, n) => [...randomValues(n, C).map(change)]));
  const [gamma, beta] = [randomValues(10, C), randomValues(11, C)];
  const [x64, gamma64] = [new Float64Array(x), new Float64Array(gamma)];
  const want = layerNorm(x64, gamma64, new Float64Array(beta), { N, C, epsilon });
  const tolerance = layerNormBound(x64, gamma64, want, { C, epsilon });

  const run = (first: number, rows: number) => () =>
    runOnce(device, {
      kernel: layernorm,
      tensors: {
        x: { data: x.slice(first * C, (first + rows) * C), shape: [rows, C] },
        gamma: { data: gamma, shape: [C] },
        beta: { data: beta, shape: [C] },
        out: unwritten(rows, C),
      },
      scalars: { eps: epsilon },
      output: 'out',
    });
  const judge = new Judge(layernorm.name);
  for (const variant of modelVariants(layernorm, device.traits)) {
    const alone = ROWS.map((_, n) => ({ variant, what: `row ${n} of ${C} alone`, start: n * C, run: run(n, 1) }));
    const together = { variant, what: `${N} rows of ${C}`, run: run(0, N) };
    await judge.check([together, ...alone], { want, tolerance, toNumbers: floatsOf });
  }
  return judge.report();
}
