// Reader of GGUF files for tests, written from the format's description and independent of the writer.

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, unknown>;
  /** Numbers by tensor, with the dimensions as the file has them: the fastest one first. */
  readonly tensors: ReadonlyMap<string, { readonly ne: readonly number[]; readonly values: readonly number[] }>;
}

class Cursor {
  readonly #data: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #take(bytes: number): number {
    this.at += bytes;
    return this.at - bytes;
  }

  u32 = (): number => this.#data.getUint32(this.#take(4), true);
  i32 = (): number => this.#data.getInt32(this.#take(4), true);
  f32 = (): number => this.#data.getFloat32(this.#take(4), true);
  f16 = (): number => this.#data.getFloat16(this.#take(2), true);
  i8 = (): number => this.#data.getInt8(this.#take(1));
  u64 = (): number => Number(this.#data.getBigUint64(this.#take(8), true));
  text = (): string => {
    const letters = Array.from({ length: this.u64() }, () => this.#data.getUint8(this.#take(1)));
    return new TextDecoder().decode(Uint8Array.from(letters));
  };

  /** Reads a value of the metadata after its type, a gguf_metadata_value_type. */
  value(type = this.u32()): unknown {
    if (type === 4) return this.u32();
    if (type === 5) return this.i32();
    if (type === 6) return this.f32();
    if (type === 8) return this.text();
    if (type !== 9) throw new Error(`type ${type} of a value`);
    const item = this.u32();
    return Array.from({ length: this.u64() }, () => this.value(item));
  }

  /** Reads numbers of a ggml_type. */
  numbers(type: number, count: number): number[] {
    if (type === 0) return Array.from({ length: count }, this.f32);
    if (type === 1) return Array.from({ length: count }, this.f16);
    if (type !== 8) throw new Error(`type ${type} of a tensor`);
    return Array.from({ length: count / 32 }, () => {
      const scale = this.f16();
      return Array.from({ length: 32 }, () => scale * this.i8());
    }).flat();
  }
}

export function readGguf(bytes: Uint8Array): GgufFile {
  const cursor = new Cursor(bytes);
  const magic = new TextDecoder().decode(bytes.subarray(0, 4));
  cursor.at = 4;
  const version = cursor.u32();
  if (magic !== 'GGUF' || version !== 3) throw new Error(`${magic} ${version}`);
  const [numTensors, numValues] = [cursor.u64(), cursor.u64()];
  const metadata = new Map(Array.from({ length: numValues }, () => [cursor.text(), cursor.value()]));
  const infos = Array.from({ length: numTensors }, () => ({
    name: cursor.text(),
    ne: Array.from({ length: cursor.u32() }, cursor.u64),
    type: cursor.u32(),
    offset: cursor.u64(),
  }));
  const align = (place: number) => Math.ceil(place / 32) * 32;
  const start = align(cursor.at);
  let end = start;
  const tensors = new Map(
    infos.map(({ name, ne, type, offset }) => {
      if (start + offset !== align(end)) throw new Error(`${name} starts at ${offset}, expected ${align(end) - start}`);
      cursor.at = start + offset;
      const values = cursor.numbers(
        type,
        ne.reduce((product, size) => product * size, 1),
      );
      end = cursor.at;
      return [name, { ne, values }];
    }),
  );
  if (bytes.length !== align(end)) throw new Error(`${bytes.length} bytes, expected ${align(end)}`);
  return { metadata, tensors };
}
