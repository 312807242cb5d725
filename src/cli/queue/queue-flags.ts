// The flags of a queue, for the command that fills one and the one that empties it.
import { nameFlag } from '../../terminal/flags.ts';
import { RangeValueError } from '../../util/errors.ts';
import { readQueueAddress } from './queue-address.ts';
import { ANY } from './subjects.ts';

/** A fingerprint, as workers and results name it. */
const FINGERPRINT = /^fp_[\da-f]{32}$/;

/** Flags of the way in to a queue. */
export const queueFlags = {
  queue: {
    ...nameFlag('queue'),
    coerce: (raw: unknown) => readQueueAddress('queue', raw),
    describe: 'a queue of NATS JetStream, nats://HOST:PORT/NAME or tls://HOST:PORT/NAME; NAME is roseinfer by default',
  },
  creds: { ...nameFlag('creds'), describe: 'file with credentials of NATS' },
  'queue-ca': { ...nameFlag('queue-ca'), describe: "file with the certificate authority of the queue's server" },
};

/** Flag of the workers that may answer. */
export const fingerprintFlag = {
  fingerprint: {
    ...nameFlag('fingerprint'),
    coerce: (raw: unknown): string => {
      if (typeof raw === 'string' && (raw === ANY || FINGERPRINT.test(raw))) return raw;
      throw new RangeValueError('--fingerprint', raw, `fp_ with 32 hexadecimal digits, as a worker says it, or ${ANY}`);
    },
    defaultDescription: ANY,
    describe: 'with --queue: fingerprint of the workers that may answer, or any',
  },
};
