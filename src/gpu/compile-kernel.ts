// Makes a pipeline of a variant: links its shader, compares it with the declaration and hands it to the driver. An
// error of the driver is reported in the author's lines where the driver names a place.

import type { Device } from './device.ts';
import { withoutDirectives } from './directives.ts';
import { GpuError, KernelError } from './errors.ts';
import { ShaderStage } from './flags.ts';
import type { BindingSpec, KernelSpec, Variant } from './kernel-spec.ts';
import type { LinkedShaders } from './linked-shaders.ts';
import type { LinkedShader } from './shader-linker.ts';
import { labelOf } from './variant-label.ts';

/** A variant of a kernel, compiled for one device. */
export interface BuiltKernel {
  /** Kernel name and variant: the label of its GPU objects. */
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroupLayout: GPUBindGroupLayout;
  readonly variant: Variant;
}

/**
 * Compiles a variant.
 *
 * @param shaders those of the kernel.
 * @throws KernelError when the device lacks a feature, or shader and declaration differ; ShaderError when it does not link or compile; GpuError when the
 * driver refuses it otherwise.
 */
export async function compileKernel(
  device: Device,
  spec: KernelSpec,
  variant: Variant,
  shaders: LinkedShaders,
): Promise<BuiltKernel> {
  checkFeatures(spec, device.gpu.features);
  return await compileLinked(device, spec, variant, await shaders.get(variant));
}

/** Parts of a declaration that a pipeline depends on. */
export type PipelineSpec = Pick<KernelSpec, 'name' | 'params'> & {
  readonly bindings: Readonly<Record<string, Pick<BindingSpec, 'access'>>>;
};

/**
 * Compiles a variant whose shader is linked.
 *
 * @throws ShaderError when the shader does not compile; GpuError when the driver refuses it otherwise.
 */
export async function compileLinked(
  device: Device,
  spec: PipelineSpec,
  variant: Variant,
  { wgsl, explain }: LinkedShader,
): Promise<BuiltKernel> {
  const { gpu } = device;
  const label = labelOf(spec.name, variant);
  let module: GPUShaderModule | null = null;
  try {
    return await device.checked(label, async () => {
      module = gpu.createShaderModule({ label, code: withoutDirectives(wgsl, device.refusedDirectives) });
      return { label, variant, ...(await createPipeline(device, label, spec, variant, module)) };
    });
  } catch (error) {
    if (!(error instanceof GpuError) || module === null) throw error;
    const { messages } = await messagesOf(module);
    throw (await explain(messages)) ?? error;
  }
}

function checkFeatures({ name, requires = [] }: KernelSpec, features: ReadonlySet<string>): void {
  const lacking = requires.filter((feature) => !features.has(feature));
  if (lacking.length === 0) return;
  const mend = `openDevice({ requiredFeatures: ${JSON.stringify(lacking)} }) asks the adapter for it`;
  const has = [...features].sort().join(', ') || 'none';
  throw new KernelError(name, `requires ${lacking.join(', ')}, the device has ${has}; ${mend}`);
}

async function createPipeline(
  { gpu }: Device,
  label: string,
  spec: PipelineSpec,
  variant: Variant,
  module: GPUShaderModule,
): Promise<Pick<BuiltKernel, 'pipeline' | 'bindGroupLayout'>> {
  const entries = Object.values(spec.bindings).map(
    ({ access }, binding): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: ShaderStage.COMPUTE,
      buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
    }),
  );
  const numParams = Object.keys(spec.params ?? {}).length;
  if (numParams > 0) {
    const buffer: GPUBufferBindingLayout = { type: 'uniform', minBindingSize: 4 * numParams };
    entries.push({ binding: entries.length, visibility: ShaderStage.COMPUTE, buffer });
  }
  const bindGroupLayout = gpu.createBindGroupLayout({ label, entries });
  const layout = gpu.createPipelineLayout({ label, bindGroupLayouts: [bindGroupLayout] });
  const compute = { module, entryPoint: 'main', constants: { ...variant.overrides } };
  const pipeline = await gpu.createComputePipelineAsync({ label, layout, compute }).catch((error) => {
    throw new GpuError(label, error.message);
  });
  return { pipeline, bindGroupLayout };
}

/** The compiler's messages; none from a device that is lost. */
async function messagesOf(module: GPUShaderModule): Promise<Pick<GPUCompilationInfo, 'messages'>> {
  return module.getCompilationInfo().catch(() => ({ messages: [] }));
}
