// Prints of a kernel's lanes: lines in a buffer of bounded size, in whichever order lanes came; the host orders them by workgroup
// and lane, and says how many found no room.

import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, checkValue, count, countOrNone } from '../util/option-checks.ts';
import type { Device } from './device.ts';
import { KernelError } from './errors.ts';
import type { KernelSpec } from './kernel-spec.ts';
import { PRINT_RING } from './print-shader.ts';
import { Tensor } from './tensor.ts';

/** Which lines of a run are kept, and how they are named. */
export interface PrintOptions {
  /** Lines that there is room for; 4096. Those that come later are counted and lost. */
  readonly capacity?: number | undefined;
  /** Names of tags: that of tag 0, of tag 1, … */
  readonly tags?: readonly string[] | undefined;
  /** Lanes that may print: by lane, by workgroup, or by both. */
  readonly only?: PrintFilter | undefined;
}

/** How to run a kernel. */
export interface RunOptions {
  /** Run it with what its shader has under `@if(DEBUG)`, and return what `print_u32`, `print_i32` and `print_f32` print there. */
  readonly print?: PrintOptions | boolean | undefined;
}

/** Lanes that may print. */
export interface PrintFilter {
  /** Id of the workgroup: x, or [x, y] or [x, y, z]; dimensions that are left out are 0. */
  readonly workgroup?: number | readonly number[] | undefined;
  /** Its `local_invocation_index`. */
  readonly lane?: number | undefined;
}

/** A line: a value that a lane printed. */
export interface PrintedLine {
  readonly workgroup: readonly [x: number, y: number, z: number];
  /** `local_invocation_index`. */
  readonly lane: number;
  /** `local_invocation_id`. */
  readonly local: readonly [x: number, y: number, z: number];
  readonly tag: number;
  /** Name of the tag; `tag 3` where it has none. */
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
  readonly value: number;
}

/** Lines that the lanes of a run printed. */
export interface Prints {
  /** By workgroup (z, y, x), then lane, then as the lane printed them. */
  readonly lines: readonly PrintedLine[];
  /** Lines that found no room; which ones is left to the adapter. */
  readonly lost: number;
}

const CAPACITY = 4096;
/** As in shaders/print.wgsl. */
const [HEADER_WORDS, LINE_WORDS, ANY] = [5, 10, 0xffffffff];
const TYPES = ['u32', 'i32', 'f32'] as const;

const isId = (value: unknown) => countOrNone.accepts(value) && Number(value) < ANY;
const tags: Check = {
  expected: 'a list of texts',
  accepts: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
};
const workgroup: Check = {
  expected: 'its id: x, [x, y] or [x, y, z]',
  accepts: (value) => isId(value) || (Array.isArray(value) && [1, 2, 3].includes(value.length) && value.every(isId)),
};
const PRINT_OPTIONS: Checks<PrintOptions> = {
  capacity: count,
  tags,
  only: { expected: 'an object', accepts: isRecord },
};
const PRINT_FILTER: Checks<PrintFilter> = { workgroup, lane: { ...countOrNone, accepts: isId } };
const RUN_OPTIONS: Checks<RunOptions> = {
  print: {
    expected: 'true, false or an object',
    accepts: (value) => typeof value === 'boolean' || isRecord(value),
  },
};

/**
 * Checks how a kernel is to be run, and returns what it is to print; null where it prints nothing.
 *
 * @throws RangeValueError for an unknown key or value.
 */
export function checkRunOptions(choice: unknown, options: RunOptions): PrintOptions | null {
  if (isRecord(choice) && 'print' in choice) {
    throw new RangeValueError(
      'choice',
      choice,
      'no print: options follow the choice, run(…, undefined, { print: true })',
    );
  }
  checkOptions('options of run', options, RUN_OPTIONS);
  const { print } = options;
  if (print === undefined || print === false) return null;
  if (print === true) return {};
  checkOptions('print', print, PRINT_OPTIONS);
  if (print.only !== undefined) checkOptions('only of print', print.only, PRINT_FILTER);
  return print;
}

/** Buffer that lanes print into, for one run. */
export class PrintRing {
  readonly tensor: Tensor;
  readonly #tags: readonly string[];

  /**
   * @throws KernelError for a kernel that binds as many storage buffers as the adapter allows; GpuError when it has no room.
   */
  constructor(
    device: Device,
    { name, bindings }: KernelSpec,
    { capacity = CAPACITY, tags = [], only = {} }: PrintOptions,
  ) {
    const used = Object.keys(bindings).length;
    const most = device.gpu.limits.maxStorageBuffersPerShaderStage;
    if (used >= most) {
      const reason = `print needs a storage buffer, but the kernel has ${used} and the device binds at most ${most}`;
      throw new KernelError(name, `${reason}: leave one out, or put two tensors into one`);
    }
    if (Object.hasOwn(bindings, PRINT_RING)) {
      throw new KernelError(name, `the kernel has a binding ${PRINT_RING}, which is that of print: name it otherwise`);
    }
    this.#tags = tags;
    this.tensor = Tensor.create(device, `${name} (print)`, 'u32', [HEADER_WORDS + capacity * LINE_WORDS]);
    const { workgroup, lane = ANY } = only;
    const [x = 0, y = 0, z = 0] = workgroup === undefined ? [ANY, ANY, ANY] : [workgroup].flat();
    this.tensor.view([HEADER_WORDS]).write(Uint32Array.of(0, x, y, z, lane));
  }

  /** Reads the lines. @throws DeviceLostError or GpuError when the device fails. */
  async read(): Promise<Prints> {
    const words = new Uint32Array(await this.tensor.read());
    const capacity = (words.length - HEADER_WORDS) / LINE_WORDS;
    const printed = words[0]!;
    const lines = Array.from({ length: Math.min(printed, capacity) }, (_, i) => this.#line(words, i));
    return { lines: lines.sort(byLane), lost: Math.max(0, printed - capacity) };
  }

  [Symbol.dispose](): void {
    this.tensor.close();
  }

  #line(words: Uint32Array<ArrayBuffer>, index: number): PrintedLine {
    const at = HEADER_WORDS + index * LINE_WORDS;
    const [wx = 0, wy = 0, wz = 0, lx = 0, ly = 0, lz = 0, lane = 0, tag = 0, kind = 0] = words.subarray(at);
    const type = TYPES[kind] ?? 'u32';
    const view = new DataView(words.buffer, 4 * (at + LINE_WORDS - 1), 4);
    const values = { u32: view.getUint32(0, true), i32: view.getInt32(0, true), f32: view.getFloat32(0, true) };
    const name = this.#tags[tag] ?? `tag ${tag}`;
    return { workgroup: [wx, wy, wz], lane, local: [lx, ly, lz], tag, name, type, value: values[type] };
  }
}

/** Orders lines by workgroup and lane. Lines of one lane stay in their order: its own have ascending places. */
function byLane(a: PrintedLine, b: PrintedLine): number {
  const [ax, ay, az] = a.workgroup;
  const [bx, by, bz] = b.workgroup;
  return az - bz || ay - by || ax - bx || a.lane - b.lane;
}

/**
 * Formats what a kernel printed: a line of text for each, `workgroup 1,0,0 lane 3 (3,0,0): acc = 0.1`, and one that says how many
 * were lost.
 *
 * @throws RangeValueError for anything but the result of a run with `print`.
 */
export function formatPrints(prints: Prints): string {
  checkValue('prints', prints, { expected: 'the result of a run with print', accepts: isPrints });
  const { lines, lost } = prints;
  if (lines.length + lost === 0) return 'no lane printed anything';
  const texts = lines.map(({ workgroup, lane, local, name, type, value }) => {
    const shown = type === 'f32' ? shortest(value) : String(value);
    return `workgroup ${workgroup.join()} lane ${lane} (${local.join()}): ${name} = ${shown}`;
  });
  if (lost > 0) texts.push(`${lost} more lines found no room: a larger capacity, or only, keeps those that matter`);
  return texts.join('\n');
}

function isPrints(value: unknown): boolean {
  return isRecord(value) && 'lines' in value && Array.isArray(value.lines);
}

/** Writes an f32 with as many digits as tell it from its neighbours. */
function shortest(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return Object.is(value, -0) ? '-0' : String(rounded);
  }
  return String(value);
}
