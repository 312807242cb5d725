// Contest of a layer norm: the fixed order of its sums against subgroupAdd.
import { canRun } from '../../src/gpu/can-run.ts';
import type { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { layernormBound } from '../../src/kernels/layernorm/expected.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { layerNorm } from '../../src/reference/operators.ts';
import { ceilDiv } from '../../src/util/math.ts';
import { uniforms } from '../../src/util/random-values.ts';
import { type Contest, type Contestant, dispatchOf } from './contest.ts';
import { CONTROLS, QUAD } from './controls.ts';

const EPSILON = 1e-5;
/** Lanes of a workgroup of `freeLayernorm` that are tried. */
const GPU_LANES: readonly number[] = [64, 128, 256];
/** For a few wide lanes of a processor, for which every lane more is work. */
const SOFTWARE_LANES: readonly number[] = [8, 32, 64];

/** Makes the contest of M rows of C; its tensors belong to `owned`. */
export async function layernormContest(
  device: Device,
  owned: DisposableStack,
  { M, C }: { readonly M: number; readonly C: number },
  { freeLayernorm } = CONTROLS,
): Promise<Contest> {
  const [x, gamma, beta] = [uniforms(1, M * C), uniforms(2, C), uniforms(3, C)];
  const tensors = {
    x: owned.use(Tensor.from(device, 'x', x, [M, C])),
    gamma: owned.use(Tensor.from(device, 'gamma', gamma)),
    beta: owned.use(Tensor.from(device, 'beta', beta)),
    out: owned.use(Tensor.create(device, 'out', 'f32', [M, C])),
  };
  const scalars = { eps: EPSILON };
  const controls: Contestant[] = [];
  for (const lanes of device.traits.isSoftware ? SOFTWARE_LANES : GPU_LANES) {
    if (C % QUAD !== 0) break;
    const constants = { LANES: lanes, HELD: ceilDiv(C, QUAD * lanes) };
    if (!canRun(freeLayernorm, device.traits, { constants })) continue;
    const dispatch = await dispatchOf(device, freeLayernorm, tensors, scalars, { constants });
    controls.push({ name: `free_layernorm LANES=${lanes}`, dispatches: [dispatch] });
  }
  const ours = await dispatchOf(device, layernorm, tensors, scalars);
  const [x64, gamma64] = [new Float64Array(x), new Float64Array(gamma)];
  const want = layerNorm(x64, gamma64, new Float64Array(beta), { M, C, epsilon: EPSILON });
  // No order has a chain of more than C additions.
  const bound = layernormBound(x64, gamma64, want, EPSILON, C);
  return {
    ours: { name: ours.label, dispatches: [ours] },
    controls,
    cost: layernorm.cost({ M, C }),
    out: tensors.out,
    tolerance: (i) => 2 * bound[i]!,
  };
}
