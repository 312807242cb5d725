// Probes of a step that runs on no GPU: they show what layers ask them for.
import { Tensor } from '../../../src/gpu/tensor.ts';
import { probeKernels } from '../../../src/models/probe-kernels.ts';
import type { StepProbes } from '../../../src/models/step.ts';

/** Makes probes without any point, but for what is given. */
export function fakeProbes(given: Partial<StepProbes>): StepProbes {
  return {
    kernels: probeKernels,
    numKeys: 0,
    rows: Tensor.meta('rows', 'i32', [0]),
    has: () => false,
    changes: () => false,
    visit: () => {},
    scratch: (label, shape) => Tensor.meta(label, 'f32', shape),
    ...given,
  };
}
