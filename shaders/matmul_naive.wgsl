// out[m, n] = sum_k x[m, k] w[k, n] + bias[n]: x[M, K], w[K, N], bias[N], out[M, N], all f32 and row-major.
// The plain way, to learn from and to judge matmul by: it reads every weight M times, and sums in the same order (one
// running f32 sum, k ascending), so that its results are those of matmul bit for bit.
// One lane an element; grid: (N / LANES, M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let n = global.x;
  let m = global.y;
  if (n >= params.N) { return; }
  var sum = 0.0;
  for (var k = 0u; k < params.K; k++) {
    sum = fma(x[m * params.K + k], w[k * params.N + n], sum);
  }
  out[m * params.N + n] = sum + bias[n];
}
