// The vector that `lane` of the subgroup holds in `own`, for shaders that enable subgroups; every lane of it must be active.
fn shuffle4(own: vec4f, lane: u32) -> vec4f {
  return vec4f(
    subgroupShuffle(own.x, lane),
    subgroupShuffle(own.y, lane),
    subgroupShuffle(own.z, lane),
    subgroupShuffle(own.w, lane),
  );
}
