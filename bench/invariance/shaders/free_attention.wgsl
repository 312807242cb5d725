import package::packed_rows::{first_quad, second_quad};
enable subgroups;

// Causal attention of decode rows over a paged KV cache, keys in no fixed order:
//   out[t, h, :] = softmax_j(scale q[t, h, :] . k[j, g, :]) v[j, g, :], g = h / SHARE, j <= positions[t];
//   qkv[T, G (SHARE + 2) D] (q first), H = G SHARE, kv[B, 2, G, P, W], positions[T], sequence_index[T], block_tables[S, A], D a multiple of eight.
// One softmax over all keys of a workgroup: lanes over keys, then over groups of keys and the vectors of v. With SPLIT a workgroup
// has KEYS of them and leaves partials[T, H, Z, D + 2] = (m, l, o) for free_fold; else KEYS holds them all.
// The lanes of a subgroup are neighbours. Grid: (T, H, splits, 1 without SPLIT).

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> kv: array<vec4u>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(4) var<storage, read> block_tables: array<i32>;
@if(SPLIT) @group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@if(!SPLIT) @group(0) @binding(5) var<storage, read_write> out: array<f32>;

const D = u32(constants::D);
const SHARE = u32(constants::SHARE);
const LANES = u32(constants::LANES);
const KEYS = u32(constants::KEYS);
// A vector of the cache holds QUADS quads of components.
@if(KV_F16) const QUADS = 2u;
@else const QUADS = 1u;
const VECS = D / 4u / QUADS;
// Groups of keys whose values are summed side by side, and loads of a lane before the first is used.
const GROUPS = LANES / VECS;
const LOADS = 8u;
// Subgroups of a workgroup at most, of four lanes.
const SUBGROUPS = LANES / 4u;

var<workgroup> q: array<vec4f, D / 4u>;
var<workgroup> key_rows: array<u32, KEYS>;
var<workgroup> weights: array<f32, KEYS>;
var<workgroup> maxima: array<f32, SUBGROUPS>;
var<workgroup> totals: array<f32, SUBGROUPS>;
var<workgroup> sums: array<vec4f, GROUPS * VECS * QUADS>;

fn quad_of(words: vec4u, i: u32) -> vec4f {
  @if(KV_F16) return select(first_quad(words), second_quad(words), i == 1u);
  @else return bitcast<vec4f>(words);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
  @builtin(subgroup_size) subgroup_size: u32,
) {
  let token = workgroup.x;
  let head = workgroup.y;
  let num_heads = params.G * SHARE;
  let num_keys = u32(positions[token]) + 1u;
  let first = workgroup.z * KEYS;
  let count = min(KEYS, num_keys - min(first, num_keys));
  let table = u32(sequence_index[token]) * params.A;
  let subgroups = (LANES + subgroup_size - 1u) / subgroup_size;
  if (lane < D / 4u) { q[lane] = qkv[(token * params.G * (SHARE + 2u) + head) * D / 4u + lane]; }
  workgroupBarrier();

  var greatest = -1e30;
  for (var j = lane; j < count; j += LANES) {
    let block = u32(block_tables[table + (first + j) / params.P]);
    let row = ((block * 2u * params.G + head / SHARE) * params.P + (first + j) % params.P) * VECS;
    var k = array<vec4u, VECS>();
    for (var v = 0u; v < VECS; v++) { k[v] = kv[row + v]; }
    var score = 0.0;
    for (var v = 0u; v < VECS; v++) {
      for (var i = 0u; i < QUADS; i++) { score += dot(q[v * QUADS + i], quad_of(k[v], i)); }
    }
    key_rows[j] = row;
    weights[j] = score * params.scale;
    greatest = max(greatest, weights[j]);
  }
  greatest = subgroupMax(greatest);
  if (subgroup_lane == 0u) { maxima[lane / subgroup_size] = greatest; }
  workgroupBarrier();
  for (var s = 0u; s < subgroups; s++) { greatest = max(greatest, maxima[s]); }

  var total = 0.0;
  for (var j = lane; j < count; j += LANES) {
    weights[j] = exp(weights[j] - greatest);
    total += weights[j];
  }
  total = subgroupAdd(total);
  if (subgroup_lane == 0u) { totals[lane / subgroup_size] = total; }
  workgroupBarrier();
  total = 0.0;
  for (var s = 0u; s < subgroups; s++) { total += totals[s]; }

  var o = array<vec4f, QUADS>();
  for (var start = lane / VECS; start < count; start += GROUPS * LOADS) {
    var values = array<vec4u, LOADS>();
    for (var i = 0u; i < LOADS; i++) {
      values[i] = kv[key_rows[min(start + i * GROUPS, count - 1u)] + params.G * params.P * VECS + lane % VECS];
    }
    for (var i = 0u; i < LOADS; i++) {
      let j = start + i * GROUPS;
      let weight = select(0.0, weights[min(j, count - 1u)], j < count);
      for (var n = 0u; n < QUADS; n++) { o[n] = fma(vec4f(weight), quad_of(values[i], n), o[n]); }
    }
  }
  for (var n = 0u; n < QUADS; n++) { sums[lane * QUADS + n] = o[n]; }
  workgroupBarrier();
  if (lane >= D / 4u || count == 0u) { return; }
  var sum = vec4f();
  for (var g = 0u; g < GROUPS; g++) { sum += sums[g * VECS * QUADS + lane]; }
  @if(SPLIT) let at = ((token * num_heads + head) * params.Z + workgroup.z) * (D + 2u);
  @if(SPLIT) if (lane == 0u) {
    partials[at] = greatest;
    partials[at + 1u] = total;
  }
  for (var c = 0u; c < 4u; c++) {
    @if(SPLIT) partials[at + 2u + 4u * lane + c] = sum[c];
    @else out[(token * num_heads + head) * D + 4u * lane + c] = sum[c] / total;
  }
}
