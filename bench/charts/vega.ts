// The packages that draw charts. They are loaded when a chart is asked for, since who asks for none can do without them.
import { RoseinferError } from '../../src/util/errors.ts';

/** Error of a report that needs vega and vega-lite, where one of them is not installed. */
class MissingVegaError extends RoseinferError {
  constructor(cause: unknown) {
    super('reports with figures need vega and vega-lite, expected both to be installed: npm install vega vega-lite', {
      cause,
    });
  }
}

/** Modules of vega. */
export interface Vega {
  readonly vega: typeof import('vega');
  readonly vegaLite: typeof import('vega-lite');
}

/** Loads vega. @throws MissingVegaError */
export async function loadVega(): Promise<Vega> {
  try {
    const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
    return { vega, vegaLite };
  } catch (cause) {
    throw new MissingVegaError(cause);
  }
}
