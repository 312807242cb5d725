// Random weights with a wide spread, so that attention and MLP matter as much as the embedding.
import { RandomCheckpoint } from '../../../src/models/random-checkpoint.ts';

/** Random matrices whose numbers have a standard deviation of about 0.2, which is 1 / √C for a C of 25. */
export class WideCheckpoint extends RandomCheckpoint {
  static readonly #SPREAD = 10;

  override async readRows(name: string, startRow: number, numRows: number, out: Float32Array): Promise<void> {
    await super.readRows(name, startRow, numRows, out);
    if (this.shape(name).length > 1) for (let i = 0; i < out.length; i++) out[i]! *= WideCheckpoint.#SPREAD;
  }
}
