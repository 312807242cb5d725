import package::activation::silu;

// out[m, o] = silu(x[m, 2o]) * x[m, 2o + 1], silu(x) = x / (1 + exp(-x)): x[M, 2 O], out[M, O], f32.
// The plain way of the epilogue SILU_MUL of matmul, to learn from and to judge it by. An MLP of the Llama family computes two
// numbers where others compute one: the first, the gate, says how much of the second goes on.
// One lane an element; grid: (O / LANES, M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let o = global.x;
  let m = global.y;
  if (o >= params.O) { return; }
  let gate = 2u * (m * params.O + o);
  out[m * params.O + o] = silu(x[gate]) * x[gate + 1u];
}
