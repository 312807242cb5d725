// Measurement of a roofline: three probes, each in the variant that suits the adapter best. It can be repeated at any moment, since
// other load on the machine changes what the adapter can do.
import { checkDevice } from '../gpu/check-device.ts';
import type { Device } from '../gpu/device.ts';
import type { Dispatch } from '../gpu/dispatch.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Cost, Variant } from '../gpu/kernel-spec.ts';
import type { KernelTime } from '../gpu/kernel-timer.ts';
import { profile } from '../gpu/profiler.ts';
import { Program } from '../gpu/program.ts';
import { Tensor } from '../gpu/tensor.ts';
import { type Figure, ratio } from '../util/figures.ts';
import { ceilDiv } from '../util/math.ts';
import { checkOptions, count } from '../util/option-checks.ts';
import { median, present } from '../util/statistics.ts';
import { LOADS, PROBE_LANES, probeFma, probeLoad, probeRead, VECTOR } from './probes.ts';
import { bestRoofline, type Roofline } from './roofline.ts';
import { Sampler } from './sampler.ts';
import { prepareWork } from './work.ts';

/** Bytes read by all turns, more than any cache holds. */
export const READ_BYTES = 2 ** 30;
/** Measurements that read all of these bytes, a part each. */
const TURNS = 4;
/** Vectors that a workgroup reads, enough to hide its start-up. */
const WORKGROUP_VECTORS = 2 ** 14;
/** Bytes of a vector. */
const VECTOR_BYTES = 4 * VECTOR;
/** Vectors that fit the nearest cache of a processor or GPU. */
const CACHED_VECTORS = 2 ** 10;
/** Rounds of multiply-adds in a dispatch. */
const FMA_ROUNDS = 2 ** 9;
/** Scalars with which values come near 1 and stay there. */
const FMA_SCALARS = { ROUNDS: FMA_ROUNDS, factor: 0.999, term: 0.001 };
/** Dispatches in a measurement of each probe that reads no memory. */
const REPEATS = 8;
/** Lanes of the probe of a launch. */
const LAUNCH_LANES = 64;
/** Lanes of the largest workgroup. */
const MOST_LANES = Math.max(...PROBE_LANES);

/**
 * Work of a dispatch: about 0.1 ms on a GPU, 1 ms on a processor. No more, so that other programs of the machine delay some
 * dispatches and not all of them, as they do a kernel's.
 */
const GPU_WORK = { readBytes: 2 ** 28, loadLanes: 2 ** 18, fmaLanes: 2 ** 18 } as const;
const SOFTWARE_WORK = { readBytes: 2 ** 24, loadLanes: 2 ** 11, fmaLanes: 2 ** 12 } as const;

/** Kernel that measures one number of the roofline. */
interface Probe {
  readonly kernel: Kernel;
  /** Takes the work that the number counts from the cost of a dispatch. */
  readonly amount: (cost: Cost) => number;
  /** Lists the calls of a measurement, in workgroups of `lanes` lanes. */
  readonly calls: (lanes: number, turn: number) => readonly ProbeCall[];
}

/** Operands of one dispatch of a probe. */
interface ProbeCall {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** Measures how fast an adapter reads what no cache holds, loads what the nearest one holds, and multiplies and adds. */
export class RooflineProbe {
  readonly #device: Device;
  readonly #owned: DisposableStack;
  readonly #probes: readonly Probe[];
  /** A program for each turn. */
  readonly #programs: readonly Program[];
  /** Sampler of the smallest dispatch. */
  readonly #launch: Sampler;
  #turn = 0;

  private constructor(
    device: Device,
    owned: DisposableStack,
    probes: readonly Probe[],
    programs: readonly Program[],
    launch: Sampler,
  ) {
    this.#device = device;
    this.#owned = owned;
    this.#probes = probes;
    this.#programs = programs;
    this.#launch = launch;
  }

  /**
   * Makes the buffers and finds the variant of each probe that suits the adapter best.
   *
   * @throws GpuError when the device has no timestamps or no room.
   */
  static async create(device: Device): Promise<RooflineProbe> {
    using owned = new DisposableStack();
    const probes = await device.checked('buffers of the probes', () => createProbes(device, owned));
    const variants: Variant[] = [];
    for (const probe of probes) variants.push(await fastest(device, probe));
    const programs = Array.from({ length: TURNS }, (_, turn) => {
      const dispatches = probes.flatMap((probe, p) => dispatchAll(device, probe, variants[p]!, turn));
      return owned.use(new Program(device, 'probes', dispatches));
    });
    // WebGPU clears a buffer when it is first read.
    for (const program of programs) await profile(device, program);
    const launch = owned.use(await launchSampler(device, owned));
    return new RooflineProbe(device, owned.move(), probes, programs, launch);
  }

  /** Measures all probes once, in about 0.1 s on a processor. @throws DeviceLostError or GpuError when the device fails. */
  async measure(): Promise<Roofline> {
    const times = await profile(this.#device, this.#programs[this.#turn]!);
    this.#turn = (this.#turn + 1) % TURNS;
    const [gigabytes = null, gigawords = null, gflops = null] = this.#probes.map((probe) => speed(probe, times));
    return { gigabytes, gigawords, gflops, launch: (await this.#launch.sample()) || null };
  }

  /** Frees the buffers; idempotent. */
  close(): void {
    this.#owned.dispose();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Measures an adapter's best: the best of several measurements. They read from a gigabyte of memory and take a few seconds on a
 * processor.
 *
 * @param options `measurements`: how many; 3.
 * @throws RangeValueError for an unknown option, and unless measurements is a natural number from 1 on; GpuError when the device
 * has no timestamps or no room; DeviceLostError.
 */
export async function measureRoofline(
  device: Device,
  options: { readonly measurements?: number | undefined } = {},
): Promise<Roofline> {
  checkDevice(device);
  checkOptions('options of measureRoofline', options, { measurements: count });
  const { measurements = 3 } = options;
  using probe = await RooflineProbe.create(device);
  const measured: Roofline[] = [];
  for (let n = 0; n < measurements; n++) measured.push(await probe.measure());
  return bestRoofline(...measured);
}

/** Times the smallest dispatch, a workgroup that only writes, in a row. */
async function launchSampler(device: Device, owned: DisposableStack): Promise<Sampler> {
  const out = owned.use(Tensor.create(device, 'probe', 'f32', [LAUNCH_LANES]));
  const choice = { overrides: { LANES: LAUNCH_LANES } };
  const scalars = { ...FMA_SCALARS, ROUNDS: 0 };
  return Sampler.create(
    device,
    await prepareWork(device, 'launch', { kernel: probeFma, tensors: { out }, scalars, choice }),
    'row',
  );
}

/** Makes the probes, in the order of the numbers of a Roofline. */
function createProbes(device: Device, owned: DisposableStack): readonly Probe[] {
  const { readBytes, loadLanes, fmaLanes } = device.traits.isSoftware ? SOFTWARE_WORK : GPU_WORK;
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const most = Math.min(maxStorageBufferBindingSize, maxBufferSize, readBytes);
  const workgroups = Math.floor(most / VECTOR_BYTES / WORKGROUP_VECTORS);
  const N = workgroups * WORKGROUP_VECTORS;
  const parts = ceilDiv(READ_BYTES / TURNS, N * VECTOR_BYTES);
  const create = (shape: number[]) => owned.use(Tensor.create(device, 'probe', 'u32', shape));
  const buffers = Array.from({ length: TURNS * parts }, () => create([N, VECTOR]));
  const cached = create([CACHED_VECTORS, VECTOR]);
  const sums = create([Math.max(workgroups * MOST_LANES, loadLanes, fmaLanes)]);
  const repeat = (call: ProbeCall) => Array<ProbeCall>(REPEATS).fill(call);
  return [
    {
      kernel: probeRead,
      amount: ({ bytes }) => bytes,
      calls: (lanes, turn) =>
        buffers.slice(turn * parts, (turn + 1) * parts).map((vectors) => ({
          tensors: { vectors, sums: sums.view([workgroups * lanes]) },
          scalars: { ROUNDS: WORKGROUP_VECTORS / LOADS / lanes },
        })),
    },
    {
      kernel: probeLoad,
      amount: ({ loads = 0 }) => loads,
      // Workgroups of more lanes have more rounds, so that a lane loads as much in each variant.
      calls: (lanes) =>
        repeat({ tensors: { vectors: cached, sums: sums.view([loadLanes]) }, scalars: { ROUNDS: lanes } }),
    },
    {
      kernel: probeFma,
      amount: ({ flops }) => flops,
      calls: () => repeat({ tensors: { out: sums.view([fmaLanes], 'f32') }, scalars: FMA_SCALARS }),
    },
  ];
}

function dispatchAll(device: Device, { kernel, calls }: Probe, variant: Variant, turn: number): Dispatch[] {
  const { LANES = 1 } = variant.overrides;
  return calls(LANES, turn).map(({ tensors, scalars }) => kernel.dispatch(device, tensors, scalars, variant));
}

/** Finds the variant of a probe that does most in a second, after a run that warms up. */
async function fastest(device: Device, probe: Probe): Promise<Variant> {
  const { kernel } = probe;
  let best = kernel.variant(device.traits);
  let most = 0;
  for (const choice of kernel.variants(device.traits)) {
    await kernel.build(device, choice);
    const variant = kernel.variant(device.traits, choice);
    using program = new Program(device, kernel.name, dispatchAll(device, probe, variant, 0));
    await profile(device, program);
    const found = speed(probe, await profile(device, program));
    if (found !== null && found > most) [best, most] = [variant, found];
  }
  return best;
}

/** Computes the median speed of a probe's dispatches in 1e9 a second; null where the clock saw no time pass. */
function speed({ kernel, amount }: Probe, times: readonly KernelTime[]): Figure {
  const own = times.filter(({ label }) => label.startsWith(`${kernel.name}[`));
  return median(present(own.map(({ cost, nanoseconds }) => cost && ratio(amount(cost), nanoseconds))));
}
