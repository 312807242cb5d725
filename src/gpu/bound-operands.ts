// Operands of a dispatch as its bind group has them.

/** A range of a buffer as a kernel sees it. */
export interface BoundRange {
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Operands of a dispatch. */
export interface BoundOperands {
  /** Kernel and variant. */
  readonly label: string;
  readonly bindGroupLayout: GPUBindGroupLayout;
  /** One for each storage binding, in their order. */
  readonly ranges: readonly BoundRange[];
  /** Scalars of the shader's `Params`; null where it has none. */
  readonly params: Uint32Array | null;
}
