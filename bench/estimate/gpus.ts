// GPUs that an estimate can be made for: figures as their vendors and published microbenchmarks state them, each with its
// source. A GPU for which one of them is not published has no row.

/** Sources of a GPU's figures. */
interface GpuSources {
  /** Source of bandwidth, units, clock and peak. */
  readonly product: string;
  /** Source of the lanes that a unit holds. */
  readonly lanes: string;
  /** Source of the latencies. */
  readonly latency: string;
}

/** Figures of a GPU. */
export interface Gpu {
  readonly title: string;
  /** As WebGPU names it. */
  readonly vendor: 'amd' | 'nvidia';
  /** 1e9 bytes a second of its memory. */
  readonly gigabytes: number;
  /** Compute units or streaming multiprocessors. */
  readonly units: number;
  /** Lanes that a unit holds at once: waves × width. */
  readonly lanes: number;
  /** Boost clock, in GHz. */
  readonly gigahertz: number;
  /** 1e12 operations of f32 a second, a multiply-add as two. */
  readonly teraflops: number;
  /** Cycles from a load to its use, in a chain of loads. */
  readonly cycles: { readonly memory: number; readonly l2: number };
  readonly sources: GpuSources;
}

const RESIDENT_THREADS =
  'CUDA programming guide, technical specifications by compute capability: resident threads of a multiprocessor';
const POINTER_CHASE = 'github.com/markdewing/AI_kernels, latency/README.md, chain of loads in CUDA';

/** The GPUs, by the name that `--estimate` takes. */
export const GPUS = {
  'rx-7900-xtx': {
    title: 'AMD Radeon RX 7900 XTX',
    vendor: 'amd',
    gigabytes: 960,
    units: 96,
    lanes: 2048,
    gigahertz: 2.5,
    teraflops: 61.4,
    cycles: { memory: 551, l2: 340 },
    sources: {
      product: 'AMD, Radeon RX 7900 XTX, specifications',
      lanes:
        'LLVM, AMDGPUBaseInfo, getMaxWavesPerEU from GFX10.3 on: 16 waves, here of 64 lanes, on each of 2 SIMD units',
      latency: 'github.com/chanzhennan/ChipBenchmarker, README.md, of an RX 7900 XT, the same chip',
    },
  },
  'rtx-4090': {
    title: 'NVIDIA GeForce RTX 4090',
    vendor: 'nvidia',
    gigabytes: 1008,
    units: 128,
    lanes: 1536,
    gigahertz: 2.52,
    teraflops: 82.6,
    cycles: { memory: 636, l2: 296 },
    sources: {
      product: 'NVIDIA, Ada GPU architecture whitepaper',
      lanes: `${RESIDENT_THREADS} 8.9`,
      latency: POINTER_CHASE,
    },
  },
  'rtx-5090': {
    title: 'NVIDIA GeForce RTX 5090',
    vendor: 'nvidia',
    gigabytes: 1792,
    units: 170,
    lanes: 1536,
    gigahertz: 2.407,
    teraflops: 104.8,
    cycles: { memory: 936, l2: 360 },
    sources: {
      product: 'NVIDIA, RTX Blackwell GPU architecture whitepaper',
      lanes: `${RESIDENT_THREADS} 12.0`,
      latency: POINTER_CHASE,
    },
  },
  'a100-sxm': {
    title: 'NVIDIA A100 SXM 80 GB',
    vendor: 'nvidia',
    gigabytes: 2039,
    units: 108,
    lanes: 2048,
    gigahertz: 1.41,
    teraflops: 19.5,
    cycles: { memory: 550, l2: 210 },
    sources: {
      product: 'NVIDIA, A100 data sheet and Ampere architecture whitepaper',
      lanes: `${RESIDENT_THREADS} 8.0`,
      latency: POINTER_CHASE,
    },
  },
  'h100-sxm': {
    title: 'NVIDIA H100 SXM',
    vendor: 'nvidia',
    gigabytes: 3350,
    units: 132,
    lanes: 2048,
    gigahertz: 1.98,
    teraflops: 67,
    cycles: { memory: 700, l2: 291 },
    sources: {
      product: 'NVIDIA, H100 data sheet and Hopper architecture whitepaper',
      lanes: `${RESIDENT_THREADS} 9.0`,
      latency: POINTER_CHASE,
    },
  },
  'h200-sxm': {
    title: 'NVIDIA H200 SXM',
    vendor: 'nvidia',
    gigabytes: 4800,
    units: 132,
    lanes: 2048,
    gigahertz: 1.98,
    teraflops: 67,
    cycles: { memory: 700, l2: 291 },
    sources: {
      product: 'NVIDIA, H200 data sheet and Hopper architecture whitepaper',
      lanes: `${RESIDENT_THREADS} 9.0`,
      latency: `${POINTER_CHASE}, of an H100 SXM, the same chip with other memory`,
    },
  },
} as const satisfies Readonly<Record<string, Gpu>>;

/** Name of a GPU on the command line. */
export type GpuName = keyof typeof GPUS;

/** Names of the GPUs. */
export const GPU_NAMES: readonly GpuName[] = Object.keys(GPUS).filter((name): name is GpuName => name in GPUS);

/** Level of the memory that a load finds its data in. */
export type Level = keyof Gpu['cycles'];

/** Returns the latency of a load in nanoseconds, at the boost clock. */
export function latencyOf({ cycles, gigahertz }: Gpu, level: Level): number {
  return cycles[level] / gigahertz;
}
