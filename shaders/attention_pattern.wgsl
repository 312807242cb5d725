// The probabilities of attention, which its kernels never store:
//   pattern[h, t, j] = exp(s[j] - max s) / sum exp(s - max s), s[j] = scale q[t, h, :] . k[j, g, :], g = h / (H / G), over the keys
//   positions[t] - window < j <= positions[t]; 0 at the other keys.
//   qkv[T, (H + 2 G) D] (q first), kv[B, 2, G, P, W] in rows of W words, positions[T], sequence_index[T], block_tables[S, A],
//   pattern[H, T, X], X keys.
// Determinism: the dot ascends over d; lane i sums the keys j = i modulo LANES, j ascending, and the sums of lanes are added
// ascending, so that a row's bits depend neither on T nor on X.
// One workgroup a (head, token), lanes over keys; grid: (H, T).

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> kv: array<u32>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(4) var<storage, read> block_tables: array<i32>;
@group(0) @binding(5) var<storage, read_write> pattern: array<f32>;

const LANES = constants::LANES;
// Finite stand-in for minus infinity.
const MASKED = -1e30;

var<workgroup> q: array<f32, constants::D>;
var<workgroup> of_lanes: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = workgroup.x;
  let t = workgroup.y;
  let D = u32(constants::D);
  for (var d = lane; d < D; d += LANES) { q[d] = qkv[(t * (params.H + 2u * params.G) + head) * D + d]; }
  workgroupBarrier();

  let seen = u32(positions[t]) + 1u;
  let first = seen - min(seen, params.window);
  let row = (head * params.T + t) * params.X;
  var greatest = MASKED;
  for (var j = lane; j < params.X; j += LANES) {
    if (j < first || j >= seen) { continue; }
    let score = score_of(t, head, j);
    pattern[row + j] = score;
    greatest = max(greatest, score);
  }
  of_lanes[lane] = greatest;
  workgroupBarrier();
  for (var i = 0u; i < LANES; i++) { greatest = max(greatest, of_lanes[i]); }
  workgroupBarrier();

  var sum = 0.0;
  for (var j = lane; j < params.X; j += LANES) {
    var weight = 0.0;
    if (j >= first && j < seen) { weight = exp(pattern[row + j] - greatest); }
    pattern[row + j] = weight;
    sum += weight;
  }
  of_lanes[lane] = sum;
  workgroupBarrier();
  sum = 0.0;
  for (var i = 0u; i < LANES; i++) { sum += of_lanes[i]; }
  for (var j = lane; j < params.X; j += LANES) { pattern[row + j] = pattern[row + j] / sum; }
}

// Score of a key that the token sees.
fn score_of(t: u32, head: u32, key: u32) -> f32 {
  let block = u32(block_tables[u32(sequence_index[t]) * params.A + key / params.P]);
  let start = ((block * 2u * params.G + head / (params.H / params.G)) * params.P + key % params.P) * params.W;
  var dot = 0.0;
  for (var d = 0u; d < u32(constants::D); d++) { dot = fma(q[d], element(start, d), dot); }
  return dot * params.scale;
}

// Element d of the row of the cache that starts at a word.
fn element(start: u32, d: u32) -> f32 {
  @if(KV_F16) return unpack2x16float(kv[start + d / 2u])[d % 2u];
  @else return bitcast<f32>(kv[start + d]);
}
