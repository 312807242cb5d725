// The files that open the way to a queue, read and checked before there is a connection: its client takes any bytes for them, and would
// say no more than that the server did not let us in.
import { X509Certificate } from 'node:crypto';
import { type Authenticator, credsAuthenticator } from '@nats-io/transport-node';
import { type InputFile, InputFileError, readInput } from '../../terminal/input-file.ts';

/** Paths of the files, by what they are for. */
export interface AccessFiles {
  /** Credentials of NATS. */
  readonly creds?: string | undefined;
  /** Certificate authority of the server's certificate. */
  readonly ca?: string | undefined;
}

/** Way in to a queue. */
export interface QueueAccess {
  readonly authenticator?: Authenticator;
  /** Certificate authority, as PEM. */
  readonly ca?: string;
}

/**
 * Reads the files.
 *
 * @throws InputFileError for one that can't be read, or has no credentials or no certificate; the signal's reason.
 */
export async function readAccess({ creds, ca }: AccessFiles, signal: AbortSignal): Promise<QueueAccess> {
  return {
    ...(creds !== undefined && { authenticator: await readCreds(creds, signal) }),
    ...(ca !== undefined && { ca: await readAuthority(ca, signal) }),
  };
}

async function readCreds(path: string, signal: AbortSignal): Promise<Authenticator> {
  const file = { flag: '--creds', path, expected: 'a file with credentials of NATS' };
  const authenticator = credsAuthenticator(await readInput(file, signal));
  checkContents(file, () => authenticator('a nonce'));
  return authenticator;
}

async function readAuthority(path: string, signal: AbortSignal): Promise<string> {
  const file = { flag: '--queue-ca', path, expected: 'a file with a certificate in PEM' };
  const bytes = await readInput(file, signal);
  checkContents(file, () => new X509Certificate(bytes));
  return bytes.toString();
}

function checkContents(file: InputFile, check: () => unknown): void {
  try {
    check();
  } catch (cause) {
    throw new InputFileError(file, `, which has none, expected ${file.expected}`, { cause });
  }
}
