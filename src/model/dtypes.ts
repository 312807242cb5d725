// Number formats of weights in a file, decoded to f32; every value of each format is exact there.

/** Formats a weight may have in a file. */
export type WeightDtype = 'F32' | 'F16' | 'BF16';

/** Formats in which the matrices are kept on the GPU. */
export type StorageDtype = 'f32' | 'f16';

/** Bytes per element. */
export const STORAGE_BYTES: Readonly<Record<StorageDtype, number>> = { f32: 4, f16: 2 };

export function isWeightDtype(dtype: string): dtype is WeightDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Decodes the little-endian elements of `data` into `out`; NaN stays NaN, its payload may change. */
export function decodeFloats(dtype: WeightDtype, data: ArrayBuffer, out: Float32Array): void {
  switch (dtype) {
    case 'F32':
      out.set(new Float32Array(data));
      break;
    case 'F16':
      out.set(new Float16Array(data));
      break;
    case 'BF16': {
      const source = new Uint16Array(data);
      const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
      for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
    }
  }
}
