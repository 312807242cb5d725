// The one error of policies, which callers may write themselves: it says which of their functions to look at.
import { RoseinferError } from '../util/errors.ts';

/** A scheduling policy that threw, or gave what makes no sense. */
export class PolicyError extends RoseinferError {
  /** The function that is to blame, such as `admits`. */
  readonly method: string;

  constructor(method: string, problem: string, options?: ErrorOptions) {
    super(`${method}() of the policy ${problem}`, options);
    this.method = method;
  }
}
