import { RoseinferError } from '../../src/util/errors.ts';

/** An engine that can't be installed or run, or ended before it was done; the message is the reason, in one line. */
export class PeerError extends RoseinferError {}
