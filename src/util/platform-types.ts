// Names of the platform's types that the package's declarations use, and libraries of the language that they need: with
// these a program compiles whichever of TypeScript's `dom` library, @webgpu/types and @types/node it has. An empty
// interface merges with the one that such a library declares, and is opaque where there is none.
/// <reference lib="es2022.error" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/// <reference lib="esnext.float16" preserve="true" />

declare global {
  interface AbortSignal {}
  interface GPUAdapter {}
  interface GPUAdapterInfo {}
  interface GPUBindGroup {}
  interface GPUBindGroupDescriptor {}
  interface GPUBindGroupLayout {}
  interface GPUBuffer {}
  interface GPUBufferDescriptor {}
  interface GPUCommandEncoder {}
  interface GPUCompilationMessage {}
  interface GPUComputePassEncoder {}
  interface GPUComputePassTimestampWrites {}
  interface GPUComputePipeline {}
  interface GPUDevice {}
  interface GPUQueue {}
}

export {};
