// Child process: roseinfer's side of the matmul comparison, with the kernel variants that a model takes.
import { Device } from '../../src/gpu/device.ts';
import type { DeviceOptions } from '../../src/gpu/device-options.ts';
import { yieldToAdapter } from '../../src/gpu/host-priority.ts';
import { PackedMatrix } from '../../src/gpu/packed-matrix.ts';
import { PollGovernor } from '../../src/gpu/poll-governor.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { findModel } from '../../src/models/registry.ts';
import { SHAPE_MODEL } from '../common/shape-model.ts';
import { kernelCases } from '../kernels/cases.ts';
import { answerJob } from './answer-job.ts';
import { MATMUL_ROWS, type MatmulResult, timeMatmul } from './matmul-job.ts';
import { PeerError } from './peer-error.ts';

/** Job of roseinfer: matmuls. */
export interface RoseinferMatmulJob {
  readonly dtype: WeightDType;
  readonly device: Pick<DeviceOptions, 'adapter' | 'reduction'>;
}

answerJob(async (job: RoseinferMatmulJob, report: (result: MatmulResult) => void) => {
  const device = await Device.open(job.device);
  if (device.traits.isSoftware) device.governPolls(new PollGovernor());
  yieldToAdapter(device.traits);
  const { model } = await findModel(SHAPE_MODEL);
  const cases = kernelCases({ device, kernels: modelKernels, model, storage: job.dtype, kvDtype: 'f32' });
  for (const { kernel, name, M, choice, prepare } of cases) {
    if (kernel !== matmul || !MATMUL_ROWS.includes(M)) continue;
    using owned = new DisposableStack();
    const { tensors, scalars } = prepare(owned, choice);
    const { x, w, out } = tensors;
    if (!(x instanceof Tensor && w instanceof PackedMatrix && out instanceof Tensor)) {
      throw new PeerError(`${name} has no tensors x, w and out`);
    }
    const [K, N] = w.shape;
    const values = new Float32Array(M * K).fill(1);
    await kernel.build(device, choice);
    const recorder = new Recorder(device);
    recorder.add(kernel, tensors, scalars, choice);
    const program = owned.use(recorder.finishBuilt(name));
    const ms = await timeMatmul(async () => {
      x.write(values);
      program.submit();
      await out.read();
    });
    report({ name, K, N, M, ms });
  }
});
