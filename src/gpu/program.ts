// A program is recorded once and replayed: all checks were made before.
import type { BoundGroup } from './bind-groups.ts';
import type { Device } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import { KernelError } from './errors.ts';

/**
 * A recorded list of dispatches. Replaying it checks nothing and creates nothing but the encoder: that is what a decode
 * step costs.
 */
export class Program {
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  readonly #device: Device;
  /** One for each dispatch; none once the program is closed. */
  readonly #groups: BoundGroup[] = [];

  /** @throws GpuError when the adapter refuses a bind group. */
  constructor(device: Device, label: string, dispatches: readonly Dispatch[]) {
    this.#device = device;
    this.label = label;
    this.dispatches = dispatches;
    try {
      for (const { operands } of dispatches) this.#groups.push(device.bindGroups.hold(operands));
      device.bindGroups.flush();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Encodes all dispatches into one compute pass, between two timestamps where they are asked for. */
  encode(encoder: GPUCommandEncoder, timestampWrites?: GPUComputePassTimestampWrites): void {
    const pass = encoder.beginComputePass({ label: this.label, ...(timestampWrites && { timestampWrites }) });
    let pipeline: GPUComputePipeline | null = null;
    for (let i = 0; i < this.dispatches.length; i++) {
      const dispatch = this.dispatches[i]!;
      if (dispatch.pipeline !== pipeline) pass.setPipeline(dispatch.pipeline);
      pipeline = dispatch.pipeline;
      this.encodeDispatch(pass, i);
    }
    pass.end();
  }

  /** Binds and dispatches one entry; its pipeline must be set. @throws KernelError after `close`. */
  encodeDispatch(pass: GPUComputePassEncoder, index: number): void {
    const [x, y, z] = this.dispatches[index]!.workgroups;
    // An empty tensor leaves nothing to do, and Dawn would warn.
    if (x === 0 || y === 0 || z === 0) return;
    const bound = this.#groups[index];
    if (bound === undefined) throw new KernelError(this.label, 'the program was closed: record it again');
    pass.setBindGroup(0, bound.group);
    pass.dispatchWorkgroups(x, y, z);
  }

  /** Encodes and submits the program by itself. @throws GpuError when the driver refuses something; KernelError after `close`. */
  submit(): void {
    const { gpu } = this.#device;
    this.#device.attempt(this.label, () => {
      const encoder = gpu.createCommandEncoder({ label: this.label });
      this.encode(encoder);
      gpu.queue.submit([encoder.finish()]);
    });
  }

  /**
   * Lets go of the bind groups, whose scalars later programs may change: all that uses the program must have been submitted.
   * Idempotent.
   */
  close(): void {
    for (const group of this.#groups.splice(0)) this.#device.bindGroups.release(group);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
