import package::exp_ln::{LN_2, ln};

// Gumbel noise of a uniform number u of (0, 1) whose distance to 1 is exact in f32.

const MANTISSA_STEP = 0x1p-23;
const EXPONENT_BIAS = 127.0;
// Covers the rounding of both functions.
const BOUND_SLACK = 1e-3;

fn gumbel(u: f32) -> f32 {
  return -ln(-ln(u));
}

// Cheap and never below gumbel(u): -ln u >= 1 - u, and log2 of a float is at least its bits read as a fixed-point number.
fn gumbel_bound(u: f32) -> f32 {
  let log2_floor = f32(bitcast<u32>(1.0 - u)) * MANTISSA_STEP - EXPONENT_BIAS;
  return fma(-LN_2, log2_floor, BOUND_SLACK);
}
