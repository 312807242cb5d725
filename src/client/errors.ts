// Errors of a stream over replicas: those that another replica may not have are apart from those that every one would have.
import { RoseinferError } from '../util/errors.ts';
import { clip, quote } from '../util/quote.ts';

/** Most failures that a message names. */
const MAX_NAMED = 4;

/** Reason why a replica did not give the rest of a stream. */
export type ReplicaFault = 'unreachable' | 'cut' | 'silent' | 'failed' | 'other-fingerprint' | 'other-ids';

const FAULTS: Readonly<Record<ReplicaFault, string>> = {
  unreachable: 'can not be reached',
  cut: 'ended the stream before its end',
  silent: 'was silent for too long',
  failed: 'failed',
  'other-fingerprint': 'has another fingerprint, so its ids may differ',
  'other-ids': 'gave other ids than the ones before',
};

/** Failure of one replica, after which another is asked for the rest. */
export class ReplicaError extends RoseinferError {
  /** Address of the replica. */
  readonly replica: string;
  readonly fault: ReplicaFault;

  constructor(replica: string, fault: ReplicaFault, { detail = '', cause }: { detail?: string; cause?: unknown } = {}) {
    super(`${replica} ${FAULTS[fault]}${detail === '' ? '' : `: ${clip(detail)}`}`, { cause });
    this.replica = replica;
    this.fault = fault;
  }
}

/** A stream that no replica goes on with. `ids` are those that came, with which `resume` of a later call goes on. */
export class NoReplicaError extends RoseinferError {
  /** Failures from the one after the last new id on, in the order of the calls. */
  readonly failures: readonly ReplicaError[];
  readonly ids: readonly number[];

  constructor(failures: readonly ReplicaError[], ids: readonly number[]) {
    const named = failures.slice(-MAX_NAMED).map(({ message }) => message);
    super(`no replica goes on with the stream after ${ids.length} ids: ${named.join('; ')}`);
    this.failures = failures;
    this.ids = ids;
  }
}

/** A call that every replica would refuse, such as one with a wrong parameter. */
export class CallRefusedError extends RoseinferError {
  readonly replica: string;
  /** HTTP status; null where the refusal came in the stream. */
  readonly status: number | null;
  /** Code of the error in the server's words, such as `invalid_value`; null where it has none. */
  readonly code: string | null;

  constructor(replica: string, status: number | null, { code, message }: { code: string | null; message: string }) {
    super(`${replica} refuses the call${status === null ? '' : ` with ${status}`}: ${clip(message, 300)}`);
    this.replica = replica;
    this.status = status;
    this.code = code;
  }
}

/** A stream without ids, which could not go on elsewhere. */
export class NoTokenIdsError extends RoseinferError {
  readonly replica: string;

  constructor(replica: string) {
    super(
      `first chunk of ${quote(replica)} has no token_ids, expected those that return_token_ids asks for: a router may have dropped it`,
    );
    this.replica = replica;
  }
}
