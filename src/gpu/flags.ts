// WebGPU's flag values (specification, GPUBufferUsage, GPUMapMode, GPUShaderStage): without installed globals Node has no
// names for them.

/** Bits of `GPUBufferUsage`. */
export const BufferUsage = {
  MAP_READ: 0x1,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
} as const;
/** Bits of `GPUMapMode`. */
export const MapMode = { READ: 0x1 } as const;
/** Bits of `GPUShaderStage`. */
export const ShaderStage = { COMPUTE: 0x4 } as const;
