// Number formats of weights in a file, decoded to f32; every value of each format is exact there.

/** Formats a weight may have in a file. */
export type FileDtype = 'F32' | 'F16' | 'BF16';

/** Tells whether weights of this format can be read. */
export function isFileDtype(dtype: string): dtype is FileDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Decodes the little-endian elements of `data` into `out`; NaN stays NaN, its payload may change. */
export function decodeFloats(dtype: FileDtype, data: ArrayBuffer, out: Float32Array): void {
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
