// Workgroups of the matmul that share slices of x and w: their rows and columns, and the memory that a slice takes. All
// of it follows from four tunables, as in shaders/matmul_tiles.wgsl.
import { TILE } from '../weights/weight-tiles.ts';

/** Lanes over the rows of a quad of columns, each with rows of its own: a lane loads at most a quarter of its columns. */
const GROUPS: readonly number[] = [4, 8, 16, 32];
/** Bytes of a vec4f. */
const QUAD_BYTES = 16;
/** Quads that fill the banks of workgroup memory once: `PAD_GROUPS` pads rounds of them. */
const BANK_QUADS = 8;

/** Tunables of such a workgroup. */
export interface SharedTiles {
  /** Rows of a lane. */
  readonly ROWS: number;
  /** Tiles of columns. */
  readonly TILES: number;
  /** k of a slice. */
  readonly K_TILE: number;
  readonly LANES: number;
}

/** Returns the rows and columns that a workgroup computes. */
export function sharedTilesSize({ ROWS, TILES, LANES }: SharedTiles): {
  readonly rows: number;
  readonly columns: number;
} {
  return { rows: (ROWS * LANES) / columnQuads(TILES), columns: TILES * TILE };
}

/** Names what keeps a workgroup from sharing tiles, or null. @param maxBytes bytes that it may share. */
export function refuseSharedTiles(tiles: SharedTiles, maxBytes: number): string | null {
  const { ROWS, TILES, K_TILE, LANES } = tiles;
  const quads = columnQuads(TILES);
  const lanes = GROUPS.map((groups) => groups * quads);
  if (!lanes.includes(LANES))
    return `LANES is ${LANES}, with K_TILE and TILES ${TILES} expected one of ${lanes.join(', ')}`;
  const rowStep = (4 * quads) / K_TILE;
  if (ROWS % rowStep !== 0)
    return `ROWS is ${ROWS}, with K_TILE ${K_TILE} and TILES ${TILES} expected a multiple of ${rowStep}`;
  const bytes = sharedBytes(tiles);
  return bytes > maxBytes ? `K_TILE is ${K_TILE}, which takes ${bytes} bytes of the ${maxBytes} shared` : null;
}

/** Bytes of a slice: w, and x with a quad more for each lane's rows and `PAD_GROUPS` more groups for each quad of k. */
function sharedBytes({ ROWS, TILES, K_TILE, LANES }: SharedTiles): number {
  const quads = columnQuads(TILES);
  const ofX = (ROWS + 1) * ((K_TILE / 4) * (LANES / quads) + BANK_QUADS);
  return QUAD_BYTES * (ofX + K_TILE * quads);
}

function columnQuads(tiles: number): number {
  return (tiles * TILE) / 4;
}
