// The flags of a queue, for the command that fills one and the one that empties it.
import { nameFlag } from '../../terminal/flags.ts';
import { readQueueAddress } from './queue-address.ts';

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
