// Failure of a peer, which the comparison reports and survives.
import { RoseinferError } from '../../src/util/errors.ts';

/** Error of an engine that can't be installed or run, or ended early; the message is the reason, in one line. */
export class PeerError extends RoseinferError {}
