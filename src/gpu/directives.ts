// Directives of WGSL that an implementation may not know although it has what they enable: wgpu compiles subgroup operations
// and refuses `enable subgroups;`. They are left out where it is so.

const ENABLE_SUBGROUPS = 'enable subgroups;';

/** Lists the directives that a device's implementation refuses, of those that its features allow: compiles an empty shader. */
export async function refusedDirectives(gpu: GPUDevice): Promise<readonly string[]> {
  if (!gpu.features.has('subgroups')) return [];
  gpu.pushErrorScope('validation');
  gpu.createShaderModule({
    label: ENABLE_SUBGROUPS,
    code: `${ENABLE_SUBGROUPS} @compute @workgroup_size(1) fn main() {}`,
  });
  return (await gpu.popErrorScope()) === null ? [] : [ENABLE_SUBGROUPS];
}

/** Blanks directives in plain WGSL: what follows stays where it is. */
export function withoutDirectives(wgsl: string, refused: readonly string[]): string {
  return refused.reduce((text, directive) => text.replaceAll(directive, ' '.repeat(directive.length)), wgsl);
}
