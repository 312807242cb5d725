// A dispatch as plain data: the text of a shader and the words of its buffers, so that another process can run it, too.
import type { BoundRange } from '../gpu/bound-operands.ts';
import type { BuiltKernel, PipelineSpec } from '../gpu/compile-kernel.ts';
import type { Grid, Variant } from '../gpu/kernel-spec.ts';

/** Buffer that is made for a job. */
export interface OwnBuffer {
  /** Contents before the dispatch: guard words, the tensor, guard words. */
  readonly words: Uint32Array;
  /** Range that is bound, in bytes. */
  readonly offset: number;
  readonly size: number;
  /** Contents come back. */
  readonly written: boolean;
}

/** Buffer of a job; a range of a buffer that is on the device already is for that device alone. */
export type JobBuffer = OwnBuffer | { readonly live: BoundRange };

/** Dispatch of a shader, as plain data. */
export interface Job {
  readonly spec: PipelineSpec;
  readonly variant: Variant;
  readonly wgsl: string;
  readonly grid: Grid;
  readonly params: Uint32Array | null;
  /** In the order of the bindings. */
  readonly buffers: readonly JobBuffer[];
  /** Number of times that it runs, each on fresh contents. */
  readonly runs: number;
}

/** Contents of the written buffers after each run. */
export type JobResult = readonly (readonly Uint32Array[])[];

/** Something that runs jobs. */
export interface JobRunner {
  /**
   * Runs a job.
   *
   * @param built the shader where it is compiled already, on this device.
   * @throws GpuError and ShaderError when the driver refuses the shader; DeviceLostError.
   */
  run(job: Job, built?: BuiltKernel): Promise<JobResult>;
}

/** Runner on a device of another process, which tells the size of its subgroups. */
export interface SizedRunner extends JobRunner, Disposable {
  /** Lanes of the narrowest subgroup; 0 without subgroups. */
  readonly minSubgroupSize: number;
}
