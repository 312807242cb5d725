import type { Device } from '../../src/gpu/device.ts';
import type { Cost } from '../../src/gpu/kernel-spec.ts';
import { profile } from '../../src/gpu/profiler.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { time } from '../../src/gpu/time.ts';
import { probeFma, probeRead, WORDS_PER_ROUND } from './probes.ts';

/** What an adapter does at best, as measured. */
export interface Roofline {
  /** 1e9 bytes a second, read from memory. */
  readonly gigabytes: number;
  /** 1e9 floating-point operations a second, in multiply-adds of f32. */
  readonly gflops: number;
}

/** Read in turn, so much is beyond every cache. */
const READ_BYTES = 2 ** 30;
/** Most of it in one buffer. */
const READ_BUFFER_BYTES = 2 ** 28;
/** Of a lane, each of four vectors. */
const READ_ROUNDS = 16;
const WORD_BYTES = 4;
/** Timed turns through all buffers, behind one that warms up. */
const READ_TURNS = 2;

const FMA_ROUNDS = 2 ** 9;
/** Enough to fill a GPU for a millisecond, or a processor for a tenth of a second. */
const FMA_LANES = { gpu: 2 ** 20, software: 2 ** 16 } as const;
const FMA_RUNS = 5;

/**
 * Measures how fast the adapter reads buffers that no cache holds, and how fast it multiplies and adds, at the workgroup
 * size that suits it best.
 *
 * @throws GpuError when the device has no timestamps or no room.
 */
export async function measureRoofline(device: Device): Promise<Roofline> {
  return { gigabytes: await readSpeed(device), gflops: await fmaSpeed(device) };
}

/** The better of two measurements: what else runs on the machine can only slow a probe down. */
export function bestRoofline(a: Roofline, b: Roofline): Roofline {
  return { gigabytes: Math.max(a.gigabytes, b.gigabytes), gflops: Math.max(a.gflops, b.gflops) };
}

/** The share of the roofline that work of this cost reached: the time that its bytes or operations take at best / its time. */
export function shareOfRoofline({ bytes, flops }: Cost, milliseconds: number, { gigabytes, gflops }: Roofline): number {
  return (1e-6 * Math.max(bytes / gigabytes, flops / gflops)) / milliseconds;
}

async function readSpeed(device: Device): Promise<number> {
  using owned = new DisposableStack();
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const laneBytes = WORD_BYTES * WORDS_PER_ROUND * READ_ROUNDS;
  const step = laneBytes * Math.max(...probeRead.spec.tunables.LANES);
  const bytes = Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize, READ_BUFFER_BYTES) / step) * step;
  const create = (label: string, ...shape: number[]) => owned.use(Tensor.create(device, label, 'u32', shape));
  const { buffers, sums } = await device.checked('buffers of probe_read', () => ({
    buffers: Array.from({ length: Math.ceil(READ_BYTES / bytes) }, (_, i) =>
      create(`probe ${i}`, bytes / (4 * WORD_BYTES), 4),
    ),
    sums: create('sums', bytes / laneBytes),
  }));
  const speeds: number[] = [];
  for (const choice of probeRead.variants(device.traits)) {
    await probeRead.build(device, choice);
    const recorder = new Recorder(device);
    for (let turn = 0; turn < 1 + READ_TURNS; turn++) {
      for (const vectors of buffers) recorder.add(probeRead, { vectors, sums }, { ROUNDS: READ_ROUNDS }, choice);
    }
    using program = recorder.finish('probe_read');
    const times = (await profile(device, program)).slice(buffers.length);
    speeds.push(bytes / Math.min(...times.map(({ nanoseconds }) => nanoseconds)));
  }
  return Math.max(...speeds);
}

async function fmaSpeed(device: Device): Promise<number> {
  const lanes = device.traits.isSoftware ? FMA_LANES.software : FMA_LANES.gpu;
  using out = Tensor.create(device, 'out', 'f32', [lanes]);
  // Values come near 1 and stay there.
  const scalars = { ROUNDS: FMA_ROUNDS, factor: 0.999, term: 0.001 };
  const speeds: number[] = [];
  for (const choice of probeFma.variants(device.traits)) {
    const timing = await time(device, probeFma, { out }, scalars, { choice, runs: FMA_RUNS, warmUps: 1 });
    speeds.push(timing.gflops * (timing.milliseconds.median / timing.milliseconds.p10));
  }
  return Math.max(...speeds);
}
