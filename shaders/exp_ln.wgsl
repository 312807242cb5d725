// exp and ln with relative errors of a few units in the last place on every adapter, where WGSL's own may be off by more.

const LOG2_E = 1.4426950408889634;
const LN_2 = 0.6931471805599453;
// ln 2 in two parts: small integers times the first are exact.
const LN_2_HIGH = 0.693359375;
const LN_2_LOW = LN_2 - LN_2_HIGH;
const MANTISSA_BITS = 23u;
const EXPONENT_BIAS = 127u;
// exp(-EXP_LIMIT) is still a normal number.
const EXP_LIMIT = 87.0;
// sqrt(1/2)
const SQRT_HALF_BITS = 0x3f3504f3u;

// exp(-x) for x >= 0; exp(-EXP_LIMIT) beyond. x = n ln 2 + r with |r| <= ln 2 / 2; the Taylor series is cut below 1e-8.
fn exp_minus(x: f32) -> f32 {
  let limited = min(x, EXP_LIMIT);
  let n = floor(fma(limited, LOG2_E, 0.5));
  let r = fma(-n, LN_2_LOW, fma(-n, LN_2_HIGH, limited));
  var series = fma(-r, 1.0 / 5040.0, 1.0 / 720.0);
  series = fma(-r, series, 1.0 / 120.0);
  series = fma(-r, series, 1.0 / 24.0);
  series = fma(-r, series, 1.0 / 6.0);
  series = fma(-r, series, 0.5);
  series = fma(-r, series, 1.0);
  series = fma(-r, series, 1.0);
  return series * bitcast<f32>((EXPONENT_BIAS - u32(n)) << MANTISSA_BITS);
}

// For a normal positive number: x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m + 1)). m - 1 is
// exact, so that nothing cancels near 1. The series is cut below 1e-10.
fn ln(x: f32) -> f32 {
  let exponent = bitcast<i32>(bitcast<u32>(x) - SQRT_HALF_BITS) >> MANTISSA_BITS;
  let m = bitcast<f32>(bitcast<u32>(x) - (bitcast<u32>(exponent) << MANTISSA_BITS));
  let z = (m - 1.0) / (m + 1.0);
  let z2 = z * z;
  var series = fma(z2, 1.0 / 11.0, 1.0 / 9.0);
  series = fma(z2, series, 1.0 / 7.0);
  series = fma(z2, series, 1.0 / 5.0);
  series = fma(z2, series, 1.0 / 3.0);
  return fma(f32(exponent), LN_2, 2.0 * fma(z * z2, series, z));
}
