// Attention by given probabilities, for the rows of which some probability was changed:
//   out[t, h, :] = sum_j pattern[h, t, j] v[j, g, :], g = h / (H / G), over the keys positions[t] - window < j <= positions[t],
//   where pattern[h, t, j] has other bits than original[h, t, j] at one of them; else out stays as it is.
//   kv[B, 2, G, P, W] in rows of W words, positions[T], sequence_index[T], block_tables[S, A], pattern[H, T, X],
//   original[H, T, X], out[T, H D].
// Probabilities of keys that the token does not see are not read.
// Determinism: fma(p, v, o) ascends over all keys of the row.
// One workgroup a (head, token), lanes over d; grid: (H, T).

@group(0) @binding(0) var<storage, read> kv: array<u32>;
@group(0) @binding(1) var<storage, read> positions: array<i32>;
@group(0) @binding(2) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(3) var<storage, read> block_tables: array<i32>;
@group(0) @binding(4) var<storage, read> pattern: array<f32>;
@group(0) @binding(5) var<storage, read> original: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

var<workgroup> changes: atomic<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = workgroup.x;
  let t = workgroup.y;
  let seen = u32(positions[t]) + 1u;
  let first = seen - min(seen, params.window);
  let row = (head * params.T + t) * params.X;

  if (lane == 0u) { atomicStore(&changes, 0u); }
  workgroupBarrier();
  for (var j = first + lane; j < seen; j += LANES) {
    if (bitcast<u32>(pattern[row + j]) != bitcast<u32>(original[row + j])) { atomicAdd(&changes, 1u); }
  }
  workgroupBarrier();
  if (atomicLoad(&changes) == 0u) { return; }

  for (var d = lane; d < params.D; d += LANES) {
    var sum = 0.0;
    for (var j = first; j < seen; j++) { sum = fma(pattern[row + j], value_of(t, head, j, d), sum); }
    out[(t * params.H + head) * params.D + d] = sum;
  }
}

// Element d of the value of a key.
fn value_of(t: u32, head: u32, key: u32, d: u32) -> f32 {
  let block = u32(block_tables[u32(sequence_index[t]) * params.A + key / params.P]);
  let head_row = (block * 2u + 1u) * params.G + head / (params.H / params.G);
  let start = (head_row * params.P + key % params.P) * params.W;
  @if(KV_F16) return unpack2x16float(kv[start + d / 2u])[d % 2u];
  @else return bitcast<f32>(kv[start + d]);
}
