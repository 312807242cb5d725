// Small safetensors files for tests, written byte by byte so that every part can be made wrong.

/** Header length, header (an object is written as JSON) and `dataLength` zero bytes or the given data. */
export function safetensorsBytes(header: string | object, data: number | Uint8Array = 0): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, typeof data === 'number' ? Buffer.alloc(data) : data]);
}

export interface TensorBytes {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A valid file with these tensors in their order. */
export function encodeSafetensors(tensors: ReadonlyMap<string, TensorBytes>): Uint8Array {
  let end = 0;
  const entries = [...tensors].map(([name, { dtype, shape, data }]) => {
    const begin = end;
    end += data.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  return safetensorsBytes(Object.fromEntries(entries), Buffer.concat([...tensors.values()].map(({ data }) => data)));
}

/** Little-endian f32 values. */
export function f32(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes;
}
