// Quantized blocks of GGUF files: each type unpacks to integers with a scale and a minimum per group, of which every number is
// integer · scale − minimum. Scales and minimums are exact in f32, so that a number is rounded once, as ggml does.

/** Numbers of one block, which the next block overwrites. */
export interface BlockGroups {
  /** An integer per number. */
  readonly integers: Int8Array;
  /** A scale per group. */
  readonly scales: Float32Array;
  /** A minimum per group, to be subtracted. */
  readonly minimums: Float32Array;
}

/** Makes room for the numbers of one block. */
export function blockGroups(blockLength: number, groupLength: number): BlockGroups {
  const numGroups = blockLength / groupLength;
  return {
    integers: new Int8Array(blockLength),
    scales: new Float32Array(numGroups),
    minimums: new Float32Array(numGroups),
  };
}

const HALF_BYTES = 2;
const NIBBLE = 15;
/** Bytes of the nibbles of a group of 32. */
const GROUP_BYTES = 16;

/**
 * f16 scale; 16 bytes: number i in the low half of byte i, number i + 16 in the high one. 8 is subtracted from each, which is a minimum of
 * 8 scales.
 */
export function unpackQ4_0(data: DataView, at: number, { integers, scales, minimums }: BlockGroups): void {
  const scale = data.getFloat16(at, true);
  scales[0] = scale;
  minimums[0] = 8 * scale;
  unpackNibbles(data, at + HALF_BYTES, integers);
}

/** f16 scale, f16 offset, bytes as in Q4_0. */
export function unpackQ4_1(data: DataView, at: number, { integers, scales, minimums }: BlockGroups): void {
  scales[0] = data.getFloat16(at, true);
  minimums[0] = -data.getFloat16(at + HALF_BYTES, true);
  unpackNibbles(data, at + 2 * HALF_BYTES, integers);
}

/** f16 scale, u32 with the fifth bit of each number, bytes as in Q4_0; 16 is subtracted. */
export function unpackQ5_0(data: DataView, at: number, { integers, scales }: BlockGroups): void {
  scales[0] = data.getFloat16(at, true);
  unpackFiveBits(data, at + HALF_BYTES, integers, 16);
}

/** f16 scale, f16 offset, bits as in Q5_0 with nothing subtracted. */
export function unpackQ5_1(data: DataView, at: number, { integers, scales, minimums }: BlockGroups): void {
  scales[0] = data.getFloat16(at, true);
  minimums[0] = -data.getFloat16(at + HALF_BYTES, true);
  unpackFiveBits(data, at + 2 * HALF_BYTES, integers, 0);
}

/** f16 scale, 32 signed bytes. */
export function unpackQ8_0(data: DataView, at: number, { integers, scales }: BlockGroups): void {
  scales[0] = data.getFloat16(at, true);
  for (let i = 0; i < integers.length; i++) integers[i] = data.getInt8(at + HALF_BYTES + i);
}

function unpackNibbles(data: DataView, at: number, integers: Int8Array): void {
  for (let i = 0; i < GROUP_BYTES; i++) {
    const byte = data.getUint8(at + i);
    integers[i] = byte & NIBBLE;
    integers[i + GROUP_BYTES] = byte >> 4;
  }
}

function unpackFiveBits(data: DataView, at: number, integers: Int8Array, subtracted: number): void {
  const fifth = data.getUint32(at, true);
  unpackNibbles(data, at + 4, integers);
  for (let i = 0; i < integers.length; i++) integers[i] = integers[i]! + (((fifth >>> i) & 1) << 4) - subtracted;
}

const K_GROUPS = 8;
const K_GROUP_LENGTH = 32;
/** Bytes of the eight scales and minimums of six bits each. */
const K_SCALES_BYTES = 12;

/** f16 unit of scales, f16 unit of minimums, scales and minimums, 128 bytes of nibbles. */
export function unpackQ4_K(data: DataView, at: number, { integers, scales, minimums }: BlockGroups): void {
  unpackKScales(data, at, scales, minimums);
  unpackKNibbles(data, at + 2 * HALF_BYTES + K_SCALES_BYTES, integers);
}

/** As Q4_K; between scales and nibbles 32 bytes, of which byte i has the fifth bits of number i of each group. */
export function unpackQ5_K(data: DataView, at: number, { integers, scales, minimums }: BlockGroups): void {
  const fifth = at + 2 * HALF_BYTES + K_SCALES_BYTES;
  unpackKScales(data, at, scales, minimums);
  unpackKNibbles(data, fifth + K_GROUP_LENGTH, integers);
  for (let i = 0; i < integers.length; i++) {
    const bits = data.getUint8(fifth + (i % K_GROUP_LENGTH));
    integers[i] = integers[i]! + (((bits >> Math.floor(i / K_GROUP_LENGTH)) & 1) << 4);
  }
}

/**
 * Reads the scales and minimums of Q4_K and Q5_K, multiplied by their units: 6 bits each. The first four have the low bits of bytes 0 to
 * 3 and 4 to 7; the others four bits of bytes 8 to 11, and above them the two high bits of the former.
 */
function unpackKScales(data: DataView, at: number, scales: Float32Array, minimums: Float32Array): void {
  const scaleUnit = data.getFloat16(at, true);
  const minimumUnit = data.getFloat16(at + HALF_BYTES, true);
  const byte = (index: number) => data.getUint8(at + 2 * HALF_BYTES + index);
  for (let group = 0; group < K_GROUPS; group++) {
    const isFirst = group < 4;
    const scale = isFirst ? byte(group) & 63 : (byte(group + 4) & NIBBLE) | ((byte(group - 4) >> 6) << 4);
    const minimum = isFirst ? byte(group + 4) & 63 : (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4);
    scales[group] = scaleUnit * scale;
    minimums[group] = minimumUnit * minimum;
  }
}

/** Reads nibbles of Q4_K and Q5_K: of each 32 bytes the low halves are a group, the high ones the next. */
function unpackKNibbles(data: DataView, at: number, integers: Int8Array): void {
  for (let i = 0; i < integers.length / 2; i++) {
    const byte = data.getUint8(at + i);
    const first = 2 * i - (i % K_GROUP_LENGTH);
    integers[first] = byte & NIBBLE;
    integers[first + K_GROUP_LENGTH] = byte >> 4;
  }
}

/**
 * 128 bytes of nibbles, 64 bytes of two high bits of each number, 16 signed scales of 16 numbers each, f16 unit of scales; 32 is
 * subtracted. Each half of the numbers has a half of the bytes: quarter j of it has the low nibbles of its bytes 32·(j mod 2) on, or the
 * high ones from j = 2 on, and bits 2j of its high bytes.
 */
export function unpackQ6_K(data: DataView, at: number, { integers, scales }: BlockGroups): void {
  const [highAt, scalesAt, unitAt] = [at + 128, at + 192, at + 208];
  const unit = data.getFloat16(unitAt, true);
  for (let group = 0; group < scales.length; group++) scales[group] = unit * data.getInt8(scalesAt + group);
  for (let i = 0; i < integers.length; i++) {
    const half = i >> 7;
    const quarter = (i >> 5) & 3;
    const inQuarter = i & 31;
    const byte = data.getUint8(at + 64 * half + 32 * (quarter & 1) + inQuarter);
    const low = quarter < 2 ? byte & NIBBLE : byte >> 4;
    const high = (data.getUint8(highAt + 32 * half + inQuarter) >> (2 * quarter)) & 3;
    integers[i] = (low | (high << 4)) - 32;
  }
}
