// Calls of WebGPU that create objects which outlive a step: counted where nothing may be created.

/** Methods of GPUDevice; a command encoder is not among them, as every submit needs one. */
export const CREATING_CALLS = [
  'createBuffer',
  'createBindGroup',
  'createBindGroupLayout',
  'createPipelineLayout',
  'createComputePipeline',
  'createComputePipelineAsync',
  'createShaderModule',
  'createQuerySet',
] as const;
