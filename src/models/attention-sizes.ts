// Sizes of a layer's attention, as its blocks and probes take them.

/** Sizes of attention's heads. */
export interface HeadSizes {
  /** H, query heads: a multiple of G. */
  readonly numHeads: number;
  /** G, heads of keys and values; each serves H / G query heads. */
  readonly numKVHeads: number;
  /** D */
  readonly headDim: number;
}

/** Heads of one layer. */
export interface LayerHeads extends HeadSizes {
  readonly layer: number;
}

/** Layer of attention, and its scores. */
export interface AttentionOptions {
  readonly layer: number;
  /** Factor of the scores. */
  readonly scale: number;
  /** Keys that a query sees, its own included; null for all. */
  readonly window: number | null;
}
