// A GPUBuffer of the caller's, checked before a tensor is put over it: WebGPU would report most of it later, and not by name.
import { RangeValueError } from '../util/errors.ts';
import { type Checks, checkOptions, countOrNone, text } from '../util/option-checks.ts';
import { quote } from '../util/quote.ts';
import { Device } from './device.ts';
import { TensorError } from './errors.ts';
import { BufferUsage } from './flags.ts';

/** How to put a tensor over a buffer. */
export interface WrapOptions {
  /** Name in errors; the buffer's own label when absent. */
  readonly label?: string | undefined;
  /** Where the tensor begins, in bytes; 0. */
  readonly offset?: number | undefined;
}

const WRAP_OPTIONS: Checks<WrapOptions> = { label: text, offset: countOrNone };
const NEEDED = ['STORAGE', 'COPY_SRC', 'COPY_DST'] as const;
const EXPECTED = `a GPUBuffer of usage ${NEEDED.join(' | ')}`;

/**
 * Checks a buffer and completes the options.
 *
 * @throws RangeValueError for an unknown option, or a device that is none; TensorError for a value that is no buffer, one that
 * lacks a usage or is mapped, and an offset that can't be bound.
 */
export function checkLent(
  device: Device,
  buffer: GPUBuffer,
  options: WrapOptions,
): { readonly label: string; readonly offset: number } {
  if (!(device instanceof Device)) throw new RangeValueError('device', device, 'a Device, as await openDevice() gives');
  checkOptions('options of Tensor.wrap', options, WRAP_OPTIONS);
  const { size, usage, mapState, label: own }: Partial<GPUBuffer> = Object(buffer);
  const { label = typeof own === 'string' && own !== '' ? own : 'wrapped buffer', offset = 0 } = options;
  if (typeof size !== 'number' || typeof usage !== 'number') {
    throw new TensorError(label, `buffer is ${quote(buffer)}, expected ${EXPECTED}`);
  }
  const lacking = NEEDED.filter((name) => (usage & BufferUsage[name]) === 0);
  if (lacking.length > 0)
    throw new TensorError(label, `buffer lacks usage ${lacking.join(' | ')}, expected ${EXPECTED}`);
  if (mapState !== undefined && mapState !== 'unmapped') {
    throw new TensorError(label, `buffer is ${mapState} to the host, expected it unmapped: call its unmap() first`);
  }
  const { minStorageBufferOffsetAlignment: alignment } = device.gpu.limits;
  if (offset % alignment !== 0) {
    throw new TensorError(
      label,
      `offset is ${offset}, expected a multiple of the adapter's alignment of ${alignment} bytes`,
    );
  }
  return { label, offset };
}
