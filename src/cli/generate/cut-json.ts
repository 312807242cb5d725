// The end of a completion that a schema was given for: the rule of the schema ends whole JSON, anything else may have cut it.
import type { FinishedRequest } from '../../engine/request.ts';
import { count } from '../../util/count.ts';
import { RoseinferError } from '../../util/errors.ts';
import { quote } from '../../util/quote.ts';

/** End of a completion. */
type Ending = Pick<FinishedRequest, 'ids' | 'text' | 'finishReason' | 'stopReason'>;

/** Error of a completion whose JSON was cut. */
export class CutJsonError extends RoseinferError {
  constructor({ ids, stopReason }: Ending) {
    const where = `a completion was cut after ${count(ids.length, 'token')}, within its JSON`;
    super(
      stopReason === null
        ? `${where}: raise --max-new-tokens, or bound the schema's texts and lists`
        : `${where}, by --stop ${quote(stopReason)}: expected a text that the JSON does not have`,
    );
  }
}

/** Tells whether a completion is not the whole of its JSON. A number counts as cut: more digits may have followed. */
export function isCutJson({ text, finishReason, stopReason }: Ending): boolean {
  if (finishReason === 'stop' && stopReason === null) return false;
  try {
    return typeof JSON.parse(text) === 'number';
  } catch {
    return true;
  }
}
