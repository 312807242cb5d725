// A program is recorded once and replayed: all checks were made before.
import { roundUp } from '../util/math.ts';
import type { Device } from './device.ts';
import { type Dispatch, PARAMS_GROUP, paramsLayout } from './dispatch.ts';
import { BufferUsage } from './flags.ts';

/** Uniform buffer offsets are aligned to this on every WebGPU adapter. */
const UNIFORM_ALIGNMENT = 256;

/**
 * A recorded list of dispatches. Replaying it checks nothing and creates nothing but the encoder: that is what a decode
 * step costs.
 */
export class Program {
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  readonly #device: Device;
  readonly #params: UniformParams | null;

  constructor(device: Device, label: string, dispatches: readonly Dispatch[]) {
    this.#device = device;
    this.label = label;
    this.dispatches = dispatches;
    this.#params = device.traits.immediates ? null : new UniformParams(device, label, dispatches);
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

  /** Binds and dispatches one entry; its pipeline must be set. */
  encodeDispatch(pass: GPUComputePassEncoder, index: number): void {
    const dispatch = this.dispatches[index];
    // An empty tensor leaves nothing to do, and Dawn would warn.
    if (!dispatch || dispatch.workgroups.includes(0)) return;
    pass.setBindGroup(0, dispatch.bindGroup);
    if (this.#params) this.#params.bind(pass, index);
    else if (dispatch.params) pass.setImmediates(0, dispatch.params);
    pass.dispatchWorkgroups(...dispatch.workgroups);
  }

  /** Encodes and submits the program by itself. @throws GpuError when the driver refuses something. */
  submit(): void {
    const { gpu } = this.#device;
    this.#device.attempt(this.label, () => {
      const encoder = gpu.createCommandEncoder({ label: this.label });
      this.encode(encoder);
      gpu.queue.submit([encoder.finish()]);
    });
  }

  /** Frees what the program owns; its tensors and bind groups are not among it. */
  close(): void {
    this.#params?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The `Params` of all dispatches of a program in one uniform buffer, for adapters without immediates. */
class UniformParams {
  readonly #device: Device;
  readonly #buffer: GPUBuffer;
  readonly #group: GPUBindGroup;
  readonly #offsets: readonly (readonly [number] | null)[];

  constructor(device: Device, label: string, dispatches: readonly Dispatch[]) {
    const bytes = UNIFORM_ALIGNMENT;
    const slots = dispatches.filter(({ params }) => params !== null).length;
    const words = new Uint32Array((bytes / 4) * Math.max(slots, 1));
    let next = 0;
    this.#offsets = dispatches.map(({ params }) => {
      if (!params) return null;
      words.set(params, next / 4);
      next += bytes;
      return [next - bytes];
    });
    this.#device = device;
    this.#buffer = device.createBuffer({
      label: `${label} (params)`,
      size: roundUp(words.byteLength, bytes),
      usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST,
    });
    device.gpu.queue.writeBuffer(this.#buffer, 0, words);
    const resource = { buffer: this.#buffer, offset: 0, size: bytes };
    this.#group = device.gpu.createBindGroup({
      label,
      layout: paramsLayout(device.gpu),
      entries: [{ binding: 0, resource }],
    });
  }

  bind(pass: GPUComputePassEncoder, index: number): void {
    const offset = this.#offsets[index];
    if (offset) pass.setBindGroup(PARAMS_GROUP, this.#group, offset);
  }

  close(): void {
    this.#device.destroyBuffer(this.#buffer);
  }
}
