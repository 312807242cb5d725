// Error of a server that can't be measured, such as one that does not answer.
import { RoseinferError } from '../../src/util/errors.ts';

/** Error of a server, in a line that names the call and what it answered. */
export class ServerError extends RoseinferError {}
