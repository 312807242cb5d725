// Decoding of stored numbers against the formula of IEEE 754, for all 65,536 patterns of each 16-bit format.
import { describe, expect, test } from 'vitest';
import { decodeFloats, isFileDtype } from '../../src/formats/dtypes.ts';

/** All 2^16 bit patterns of a format with this many mantissa bits, decoded by the formula of IEEE 754. */
function everyPattern(mantissaBits: number, exponentBits: number): Float64Array {
  const bias = 2 ** (exponentBits - 1) - 1;
  return Float64Array.from({ length: 2 ** 16 }, (_, bits) => {
    const sign = bits >= 2 ** 15 ? -1 : 1;
    const exponent = Math.floor(bits / 2 ** mantissaBits) % 2 ** exponentBits;
    const fraction = (bits % 2 ** mantissaBits) / 2 ** mantissaBits;
    if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
  });
}

describe('decoding is exact', () => {
  test.each([
    ['F16', 10, 5],
    ['BF16', 7, 8],
  ] as const)(
    'for all 65536 patterns of %s: zeros, subnormals, normals, infinities and NaN',
    (dtype, mantissa, exponent) => {
      const patterns = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
      const out = new Float32Array(2 ** 16);
      decodeFloats(dtype, patterns.buffer, out);
      const expected = everyPattern(mantissa, exponent);
      // Object.is tells −0 from 0 and finds NaN equal to itself.
      expect(patterns.findIndex((i) => !Object.is(out[i], expected[i]))).toBe(-1);
    },
  );

  test('for F32, bit by bit', () => {
    const bits = Uint32Array.of(0, 0x80000000, 1, 0x3f800001, 0x7f7fffff, 0x7f800000, 0xff800000);
    const out = new Float32Array(bits.length);
    decodeFloats('F32', bits.buffer, out);
    expect([...new Uint32Array(out.buffer)]).toEqual([...bits]);
  });

  test('into part of a larger array', () => {
    const out = new Float32Array(4).fill(9);
    decodeFloats('BF16', Uint16Array.of(0x3f80, 0xc000).buffer, out.subarray(1, 3));
    expect([...out]).toEqual([9, 1, -2, 9]);
  });
});

test('weights may be F32, F16 or BF16 and nothing else', () => {
  expect(['F32', 'F16', 'BF16', 'F64', 'I32', 'f32'].filter(isFileDtype)).toEqual(['F32', 'F16', 'BF16']);
});
