// Floats as integers of the same order, so that integer maxima and the digits of a radix select find the greatest float.

const SIGN = 0x80000000u;

// The zeros are equal, and no finite float has key 0.
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | SIGN, ~bits, bits > SIGN);
}

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & ~SIGN, key >= SIGN));
}
