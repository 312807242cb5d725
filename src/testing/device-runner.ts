// Runs jobs on a device, each shader compiled once.
import type { BoundRange } from '../gpu/bound-operands.ts';
import { type BuiltKernel, compileLinked } from '../gpu/compile-kernel.ts';
import type { Device } from '../gpu/device.ts';
import { BufferUsage } from '../gpu/flags.ts';
import { Program } from '../gpu/program.ts';
import type { Job, JobResult, JobRunner, OwnBuffer } from './job.ts';

/** Runner of jobs on a device of this process. */
export class DeviceRunner implements JobRunner {
  readonly #device: Device;
  /** Compiled shaders by text and overrides. */
  readonly #built = new Map<string, Promise<BuiltKernel>>();

  constructor(device: Device) {
    this.#device = device;
  }

  async run(job: Job, built?: BuiltKernel): Promise<JobResult> {
    const device = this.#device;
    const { pipeline, bindGroupLayout, label } = built ?? (await this.#build(job));
    using owned = new DisposableStack();
    const create = (size: number, usage: number) => {
      const buffer = device.createBuffer({ label, size, usage });
      owned.defer(() => device.destroyBuffer(buffer));
      return buffer;
    };
    const storage = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
    const own: (OwnBuffer & BoundRange)[] = [];
    const ranges = job.buffers.map((buffer): BoundRange => {
      if ('live' in buffer) return buffer.live;
      const created = { ...buffer, buffer: create(buffer.words.byteLength, storage) };
      own.push(created);
      return created;
    });
    const operands = { label, bindGroupLayout, ranges, params: job.params };
    const { grid: workgroups } = job;
    using program = new Program(device, label, [{ label, pipeline, operands, workgroups, dims: {}, cost: null }]);
    const results: Uint32Array[][] = [];
    const outputs = own.filter(({ written }) => written);
    const size = outputs.reduce((sum, { words }) => sum + words.byteLength, 0);
    const staging = create(Math.max(size, 4), BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    for (let i = 0; i < job.runs; i++) {
      const fresh = i === 0 ? own : outputs;
      await device.checked(label, () => {
        for (const { buffer, words } of fresh) device.gpu.queue.writeBuffer(buffer, 0, words);
        program.submit();
        const encoder = device.gpu.createCommandEncoder({ label });
        let at = 0;
        for (const { buffer, words } of outputs) {
          encoder.copyBufferToBuffer(buffer, 0, staging, at, words.byteLength);
          at += words.byteLength;
        }
        device.gpu.queue.submit([encoder.finish()]);
      });
      const bytes = (await device.map(staging, Math.max(size, 4))).slice(0);
      staging.unmap();
      let at = 0;
      results.push(
        outputs.map(({ words }) => {
          at += words.byteLength;
          return new Uint32Array(bytes, at - words.byteLength, words.length);
        }),
      );
    }
    return results;
  }

  #build({ spec, variant, wgsl }: Job): Promise<BuiltKernel> {
    const key = JSON.stringify([variant.overrides, wgsl]);
    const known = this.#built.get(key);
    if (known) return known;
    const building = compileLinked(this.#device, spec, variant, { wgsl, explain: async () => null });
    this.#built.set(key, building);
    return building;
  }
}
