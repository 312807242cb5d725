// Causal attention of one sequence of T tokens: qkv[T, (H + 2 G) D] (q, k, v side by side), out[T, H D]. Of the H = G SHARE query
// heads, head h takes the keys and values of head g = h / SHARE.
//   out[t, h, d] = sum_j p_j v[j, g, d] / sum_j p_j,  p_j = exp(s_j - max s),  s_j = scale q[t, h, :] . k[j, g, :],  t - window < j <= t
// Attention is where a token learns of the others; every other layer works on each row alone.
// The plain way, to learn from and to judge attention by: every element finds its row's maximum and sums for itself, with
// no tiles, no cache and nothing shared.
// One lane an element; grid: (H D / LANES, T).

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

const SHARE = constants::SHARE;

// Start of a query of token t.
fn query_start(t: u32, h: u32) -> u32 {
  return (t * params.G * (SHARE + 2) + h) * params.D;
}

// Start of a key (which = 0) or value (1) of token j.
fn key_start(j: u32, which: u32, h: u32) -> u32 {
  return ((j * (SHARE + 2) + SHARE + which) * params.G + h / SHARE) * params.D;
}

fn score(t: u32, j: u32, h: u32) -> f32 {
  let q = query_start(t, h);
  let k = key_start(j, 0u, h);
  var dot = 0.0;
  for (var d = 0u; d < params.D; d++) { dot = fma(qkv[q + d], qkv[k + d], dot); }
  return dot * params.scale;
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let c = global.x;
  let t = global.y;
  let columns = params.G * SHARE * params.D;
  if (c >= columns) { return; }
  let h = c / params.D;
  let d = c % params.D;

  let first = t + 1u - min(t + 1u, params.window);
  var largest = score(t, first, h);
  for (var j = first + 1u; j <= t; j++) { largest = max(largest, score(t, j, h)); }

  // exp of the distance to the maximum can't overflow, and the factor exp(-max) cancels in the quotient.
  var sum = 0.0;
  var weighted = 0.0;
  for (var j = first; j <= t; j++) {
    let p = exp(score(t, j, h) - largest);
    sum += p;
    weighted = fma(p, qkv[key_start(j, 1u, h) + d], weighted);
  }
  out[t * columns + c] = weighted / sum;
}
