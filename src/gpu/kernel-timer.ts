// Times by the GPU's own clock: stamps are written into the commands that they measure.
import { ceilDiv } from '../util/math.ts';
import type { Device } from './device.ts';
import { GpuError } from './errors.ts';
import { BufferUsage } from './flags.ts';
import type { Cost, Dims } from './kernel-spec.ts';
import type { Program } from './program.ts';

/** When something ran on the GPU. */
export interface GpuSpan {
  /** Nanoseconds from the first stamp that the timer read. */
  readonly start: number;
  readonly nanoseconds: number;
}

/** GPU time of one dispatch. */
export interface KernelTime extends GpuSpan {
  /** Kernel and variant. */
  readonly label: string;
  /** Its sizes and scalars. */
  readonly dims: Dims;
  /** As the kernel declares it for these sizes; null where it states none. */
  readonly cost: Cost | null;
}

/** Queries that WebGPU lets a set have: two a pass, before and after. */
const MAX_QUERIES = 4096;
const PASSES_PER_SET = MAX_QUERIES / 2;
const BYTES_PER_QUERY = 8;

/** Measures programs by the GPU's own clock, while they run with all their effects. */
export class KernelTimer {
  readonly #device: Device;
  /** Origin of all spans: the clock's own values may be beyond the integers that a number holds exactly. */
  #origin: bigint | null = null;

  constructor(device: Device) {
    this.#device = device;
  }

  /**
   * Encodes a program with a pass for each dispatch. What overlaps or follows without a gap inside one pass does not here,
   * so this slows the program down. Returns what to call after the submit: one time a dispatch, in the program's order.
   *
   * @throws GpuError when the device has no timestamps; (from the returned call) DeviceLostError or GpuError.
   */
  encodeEach(encoder: GPUCommandEncoder, program: Program): () => Promise<KernelTime[]> {
    const { label, dispatches } = program;
    const read = this.#stamp(encoder, `${label} (profile)`, dispatches.length, (writes) => {
      for (const [i, { pipeline }] of dispatches.entries()) {
        const pass = encoder.beginComputePass({ label, timestampWrites: writes(i) });
        pass.setPipeline(pipeline);
        program.encodeDispatch(pass, i);
        pass.end();
      }
    });
    return async () => {
      const spans = await read();
      return dispatches.map(({ label, dims, cost }, i) => ({ label, dims, cost, ...spans[i]! }));
    };
  }

  /**
   * Encodes a program as it runs untimed, in one pass, between two stamps. Returns what to call after the submit.
   *
   * @throws as `encodeEach`.
   */
  encodeWhole(encoder: GPUCommandEncoder, program: Program): () => Promise<GpuSpan> {
    const read = this.encodeRuns(encoder, program, 1);
    return async () => (await read())[0]!;
  }

  /**
   * As `encodeWhole`, `count` times one after another, each in a pass of its own: a span for each.
   *
   * @throws as `encodeEach`.
   */
  encodeRuns(encoder: GPUCommandEncoder, program: Program, count: number): () => Promise<GpuSpan[]> {
    return this.#stamp(encoder, `${program.label} (profile)`, count, (writes) => {
      for (let run = 0; run < count; run++) program.encode(encoder, writes(run));
    });
  }

  /** Encodes `count` passes with stamps around each, and the way of the stamps to the host. */
  #stamp(
    encoder: GPUCommandEncoder,
    label: string,
    count: number,
    encode: (writes: (pass: number) => GPUComputePassTimestampWrites) => void,
  ): () => Promise<GpuSpan[]> {
    const { gpu, traits } = this.#device;
    if (!traits.timestamps) {
      const reason = 'the device has no timestamps: the adapter lacks timestamp-query, or it was opened as base';
      throw new GpuError(label, reason);
    }
    const size = 2 * count * BYTES_PER_QUERY;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = BufferUsage;
    const resolved = this.#device.createBuffer({ label, size, usage: QUERY_RESOLVE | COPY_SRC });
    const staging = this.#device.createBuffer({ label, size, usage: COPY_DST | MAP_READ });
    const sets = Array.from({ length: ceilDiv(count, PASSES_PER_SET) }, (_, s) => {
      const passes = Math.min(PASSES_PER_SET, count - s * PASSES_PER_SET);
      return gpu.createQuerySet({ label, type: 'timestamp', count: 2 * passes });
    });
    encode((pass) => {
      const first = 2 * (pass % PASSES_PER_SET);
      const querySet = sets[Math.floor(pass / PASSES_PER_SET)]!;
      return { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
    });
    for (const [s, set] of sets.entries())
      encoder.resolveQuerySet(set, 0, set.count, resolved, s * MAX_QUERIES * BYTES_PER_QUERY);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    return async () => {
      try {
        return this.#spans(new BigUint64Array(await this.#device.map(staging, size)));
      } finally {
        for (const set of sets) set.destroy();
        for (const buffer of [resolved, staging]) this.#device.destroyBuffer(buffer);
      }
    };
  }

  /** Before and after each pass, as spans. */
  #spans(stamps: BigUint64Array): GpuSpan[] {
    const origin = this.#origin ?? stamps[0] ?? 0n;
    this.#origin = origin;
    return Array.from({ length: stamps.length / 2 }, (_, i) => {
      const [start, end] = [stamps[2 * i]!, stamps[2 * i + 1]!];
      return { start: Number(start - origin), nanoseconds: Number(end - start) };
    });
  }
}
