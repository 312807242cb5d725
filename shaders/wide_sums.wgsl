// 64-bit integers (low word, high word): sums of fixed-point weights, which do not depend on the order of the additions.

fn add(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + u32(low < a.x));
}

fn subtract(a: vec2u, b: vec2u) -> vec2u {
  return vec2u(a.x - b.x, a.y - b.y - u32(a.x < b.x));
}

fn at_least(a: vec2u, b: vec2u) -> bool {
  return a.y > b.y || (a.y == b.y && a.x >= b.x);
}

// To 24 bits.
fn to_f32(a: vec2u) -> f32 {
  return f32(a.y) * 0x1p32 + f32(a.x);
}

// The fraction of a sum, to 24 bits and at least 1.
fn scale(a: vec2u, fraction: f32) -> vec2u {
  let scaled = max(to_f32(a) * fraction, 1.0);
  let high = floor(scaled * 0x1p-32);
  return vec2u(u32(scaled - high * 0x1p32), u32(high));
}
