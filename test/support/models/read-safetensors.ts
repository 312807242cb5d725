/** A trusting reader of safetensors for tests, independent of src/formats on purpose. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ELEMENTS: Record<string, { bytes: number; read: (data: DataView, offset: number) => number }> = {
  F32: { bytes: 4, read: (data, offset) => data.getFloat32(offset, true) },
  F16: { bytes: 2, read: (data, offset) => data.getFloat16(offset, true) },
  // The upper half of an f32.
  BF16: {
    bytes: 2,
    read: (data, offset) => new Float32Array(Uint32Array.of(data.getUint16(offset, true) << 16).buffer)[0]!,
  },
  U8: { bytes: 1, read: (data, offset) => data.getUint8(offset) },
  I32: { bytes: 4, read: (data, offset) => data.getInt32(offset, true) },
};

/** The tensors of a file by name, widened to float64, which holds every number of these types exactly. */
export function readSafetensors(path: string): Map<string, Float64Array> {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
    file.toString('utf8', 8, start),
  );
  const tensors = new Map<string, Float64Array>();
  for (const [name, { dtype, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [begin, end] = data_offsets;
    const { bytes, read } = ELEMENTS[dtype]!;
    const data = new DataView(file.buffer, file.byteOffset + start + begin, end - begin);
    tensors.set(
      name,
      Float64Array.from({ length: (end - begin) / bytes }, (_, i) => read(data, i * bytes)),
    );
  }
  return tensors;
}

/** All weights in a model directory, sharded or not, without the prefix `transformer.` or `model.`. */
export function loadModelTensors(directory: string): Map<string, Float64Array> {
  const files = readdirSync(directory).filter((name) => /^model.*\.safetensors$/.test(name));
  const tensors = files.flatMap((file) => [...readSafetensors(join(directory, file))]);
  return new Map(tensors.map(([name, data]) => [name.replace(/^(transformer|model)\./, ''), data]));
}
