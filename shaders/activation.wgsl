// Activations of the MLP. Finite for every finite x: exp's argument is clamped, and drivers' tanh (which returns NaN beyond
// |88|) is not used. Of NaN all are NaN, and of -inf those that multiply it by 0: clamps and maxima must not make a number
// of what is none.

const SQRT_2_OVER_PI = 0.7978845608028654;
const GELU_CUBIC = 0.044715;
// exp(EXP_LIMIT) is still finite, and 1 / (1 + exp(EXP_LIMIT)) has left every digit of f32.
const EXP_LIMIT = 87.0;
// Bits of +inf, the largest exponent, and those of a NaN.
const INFINITY = 0x7f800000u;
const QUIET_NAN = 0x7fc00000u;
const SIGN = 0x80000000u;
// Beyond this x^3 may overflow; the result is x or 0 long before.
const X_LIMIT = 1e4;

fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & ~SIGN) > INFINITY;
}

// y, or NaN where x is NaN or -inf. By bits, for compilers may take all floats for finite.
fn unless_broken(x: f32, y: f32) -> f32 {
  let bits = bitcast<u32>(x);
  return bitcast<f32>(select(bitcast<u32>(y), bits | QUIET_NAN, is_nan(x) || bits == (INFINITY | SIGN)));
}

// 0.5 x (1 + tanh u) = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3): Hendrycks and Gimpel 2016, tanh form.
fn gelu_new(x: f32) -> f32 {
  let c = clamp(x, -X_LIMIT, X_LIMIT);
  let u = SQRT_2_OVER_PI * fma(GELU_CUBIC * c * c, c, c);
  let e = -2.0 * u;
  // The factor is 0 in f32 here, and x · exp(-87) would not be.
  return unless_broken(x, select(x / (1.0 + exp(min(e, EXP_LIMIT))), 0.0, e > EXP_LIMIT));
}

// erfc(z) for z >= 0, relative error below 1.2e-7: Numerical Recipes in C, 2nd edition, section 6.2 (erfcc).
fn erfc_positive(z: f32) -> f32 {
  let t = 1.0 / fma(0.5, z, 1.0);
  var p = fma(t, 0.17087277, -0.82215223);
  p = fma(t, p, 1.48851587);
  p = fma(t, p, -1.13520398);
  p = fma(t, p, 0.27886807);
  p = fma(t, p, -0.18628806);
  p = fma(t, p, 0.09678418);
  p = fma(t, p, 0.37409196);
  p = fma(t, p, 1.00002368);
  p = fma(t, p, -1.26551223);
  return t * exp(max(fma(-z, z, p), -EXP_LIMIT));
}

// x Phi(x) with Phi by erfc of |x|, so that the negative tail does not cancel.
fn gelu(x: f32) -> f32 {
  let z = min(abs(x) * 0.7071067811865476, 20.0);
  let tail = 0.5 * erfc_positive(z);
  return unless_broken(x, select(x * (1.0 - tail), select(x * tail, 0.0, x < -13.0), x < 0.0));
}

// x sigmoid(x) = x / (1 + exp(-x)): Elfwing et al. 2017.
fn silu(x: f32) -> f32 {
  return unless_broken(x, select(x / (1.0 + exp(min(-x, EXP_LIMIT))), 0.0, x < -EXP_LIMIT));
}

fn relu(x: f32) -> f32 {
  return select(max(x, 0.0), x, is_nan(x));
}
