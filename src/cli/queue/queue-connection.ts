// A connection to a queue. A server that is gone or full is waited for with a notice; what waiting can't mend is an error.
import { setTimeout } from 'node:timers/promises';
import {
  AckPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import { connect, headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import { quote } from '../../util/quote.ts';
import { ACK_WAIT_MS } from './job.ts';
import type { QueueAccess } from './queue-access.ts';
import type { QueueAddress } from './queue-address.ts';
import { messageOf, QueueError } from './queue-error.ts';
import { GONE, QueueTroubles } from './queue-troubles.ts';
import { Subjects } from './subjects.ts';

/** Options of a connection. */
export interface QueueOptions {
  /** Way in, where the server asks for one. */
  readonly access?: QueueAccess;
  /** Receives a line about trouble that is waited for, and about its end. */
  readonly onNotice: (line: string) => void;
}

/** Outcome of a publication: the message is stored now, or the subject had one already. */
export type Published = 'stored' | 'there';

/** Most jobs that are with workers at once: a queue gives no more to those that don't answer. */
const MAX_ACK_PENDING = 1000;
const ANSWER_MS = 5000;
const RECONNECT_MS = 250;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;
/** The server's code for a message that a stream's bounds don't take; the text tells of which. */
const REFUSED = 10077;
const PER_SUBJECT = /per subject/;
/** Codes of a server, an account or a stream that has no more room. */
const FULL_CODES: readonly number[] = [REFUSED, 10002, 10023, 10028, 10047];
const IS_FULL = 'is full';
const NO_ANSWER = 'does not answer';
/** Bytes of a message that are not its payload: subject and headers. */
const OVERHEAD = 512;
/** Least bound of a message's bytes: an error record has its place in it. */
const MIN_SIZE = 16_384;

/** A queue. */
export class QueueConnection implements AsyncDisposable {
  readonly subjects: Subjects;
  readonly address: QueueAddress;
  readonly nats: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Aborted with the error that ended the connection for good. */
  readonly lost: AbortSignal;
  readonly troubles: QueueTroubles;
  /** Publications that wait for the queue. */
  #numWaiting = 0;
  #isClosing = false;
  #numReconnects = 0;
  /** Most bytes of a message by stream, where an administrator has set them. */
  readonly #maxSizes = new Map<string, number>();

  private constructor(address: QueueAddress, nats: NatsConnection, manager: JetStreamManager, options: QueueOptions) {
    this.address = address;
    this.subjects = new Subjects(address.name);
    this.nats = nats;
    this.client = jetstream(nats);
    this.manager = manager;
    this.troubles = new QueueTroubles(quote(address.label), options.onNotice);
    const lost = new AbortController();
    this.lost = lost.signal;
    void nats.closed().then((error) => {
      if (this.#isClosing) return;
      lost.abort(
        new QueueError(address, `which ended the connection (${messageOf(error ?? 'closed')})`, 'one that lets us in'),
      );
    });
    void this.#watch();
  }

  /**
   * Connects, and makes the streams where they are missing.
   *
   * @throws QueueError
   */
  static async open(address: QueueAddress, options: QueueOptions): Promise<QueueConnection> {
    const nats = await connectTo(address, options.access);
    try {
      const manager = await jetstreamManager(nats, { timeout: ANSWER_MS });
      const queue = new QueueConnection(address, nats, manager, options);
      await queue.ensureStreams();
      const { max_payload: maxPayload = MIN_SIZE } = nats.info ?? {};
      if (maxPayload >= MIN_SIZE) return queue;
      throw new QueueError(address, `which has max_payload ${maxPayload}`, `at least ${MIN_SIZE}`);
    } catch (cause) {
      await nats.close();
      if (cause instanceof QueueError) throw cause;
      throw new QueueError(address, `which has no JetStream for us (${messageOf(cause)})`, 'nats-server --jetstream', {
        cause,
      });
    }
  }

  /** How often the connection was made again: a consumer that the server had in memory may be gone since. */
  get numReconnects(): number {
    return this.#numReconnects;
  }

  /** Most bytes of a message's payload, by the server and by both streams. */
  get maxPayload(): number {
    return Math.min(this.nats.info?.max_payload ?? 2 ** 20, ...this.#maxSizes.values()) - OVERHEAD;
  }

  /** Makes the streams where they are missing; returns when each was made, by which a queue that lost all of its messages is known. @throws QueueError */
  async ensureStreams(): Promise<string> {
    const { jobStream, jobs, resultStream, results } = this.subjects;
    const ofJobs = await this.#ensureStream(jobStream, jobs, RetentionPolicy.Workqueue);
    const ofResults = await this.#ensureStream(resultStream, results, RetentionPolicy.Limits);
    return `${ofJobs} ${ofResults}`;
  }

  /** Makes the consumer of the jobs that want a fingerprint, which all of its workers share. */
  async ensureConsumer(wanted: string): Promise<void> {
    await this.manager.consumers.add(this.subjects.jobStream, {
      durable_name: wanted,
      filter_subject: this.subjects.jobsFor(wanted),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_ACK_PENDING,
    });
  }

  /**
   * Publishes a message on a subject that has none yet; goes on trying while the queue is gone or full.
   *
   * @param signal ends it.
   * @throws the signal's reason.
   */
  async publish(subject: string, payload: Uint8Array, signal: AbortSignal, fingerprint?: string): Promise<Published> {
    const fields = headers();
    if (fingerprint !== undefined) fields.set('Fingerprint', fingerprint);
    let isWaiting = false;
    try {
      for (let wait = FIRST_RETRY_MS; ; wait = Math.min(2 * wait, LAST_RETRY_MS)) {
        signal.throwIfAborted();
        try {
          await this.client.publish(subject, payload, { timeout: ANSWER_MS, headers: fields });
          return 'stored';
        } catch (error) {
          const code = error instanceof JetStreamApiError ? error.code : 0;
          if (code === REFUSED && PER_SUBJECT.test(messageOf(error))) return 'there';
          if (!isWaiting) this.#numWaiting++;
          isWaiting = true;
          this.troubles.begin(FULL_CODES.includes(code) ? IS_FULL : NO_ANSWER, messageOf(error));
        }
        await setTimeout(wait, undefined, { signal });
      }
    } finally {
      if (isWaiting && --this.#numWaiting === 0) this.troubles.end(IS_FULL, NO_ANSWER);
    }
  }

  async #ensureStream(name: string, subject: string, retention: RetentionPolicy): Promise<string> {
    const wanted = { max_msgs_per_subject: 1, discard: DiscardPolicy.New, discard_new_per_subject: true };
    const { config, created } = await this.#findOrAdd(name, {
      name,
      subjects: [subject],
      retention,
      storage: StorageType.File,
      ...wanted,
    });
    const wrong = Object.entries({ ...wanted, retention }).find(([key, value]) => Reflect.get(config, key) !== value);
    if (wrong !== undefined) throw this.#badStream(config, wrong[0], quote(wrong[1]));
    const { max_msg_size: maxSize } = config;
    if (maxSize > 0 && maxSize < MIN_SIZE) throw this.#badStream(config, 'max_msg_size', `at least ${MIN_SIZE}`);
    this.#maxSizes.set(name, maxSize > 0 ? maxSize : Number.POSITIVE_INFINITY);
    return created;
  }

  #badStream(config: StreamInfo['config'], key: string, expected: string): QueueError {
    const found = `whose stream ${quote(config.name)} has ${key} ${quote(Reflect.get(config, key))}`;
    return new QueueError(this.address, found, `${expected}: another NAME, or that stream away`);
  }

  async #findOrAdd(name: string, config: Parameters<JetStreamManager['streams']['add']>[0]): Promise<StreamInfo> {
    try {
      return await this.manager.streams.info(name);
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.status === 404)) throw error;
    }
    return await this.manager.streams.add(config);
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.nats.status()) {
      if (type === 'disconnect' && !this.#isClosing) this.troubles.begin(GONE);
      if (type !== 'reconnect') continue;
      this.#numReconnects++;
      this.troubles.end(GONE);
    }
  }

  /** Sends what waits, and disconnects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    if (this.nats.isClosed()) return;
    await Promise.race([this.nats.drain().catch(() => {}), setTimeout(ANSWER_MS, undefined, { ref: false })]);
    await this.nats.close();
  }
}

async function connectTo(address: QueueAddress, { authenticator, ca }: QueueAccess = {}): Promise<NatsConnection> {
  const { servers, isSecure, user } = address;
  try {
    return await connect({
      servers: [...servers],
      name: 'roseinfer',
      timeout: ANSWER_MS,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      ...(user !== null && { user: user.name, pass: user.password }),
      ...(authenticator !== undefined && { authenticator }),
      ...((isSecure || ca !== undefined) && { tls: { ...(ca !== undefined && { ca }) } }),
    });
  } catch (cause) {
    throw new QueueError(address, `which can't be reached (${messageOf(cause)})`, 'a NATS server that lets us in', {
      cause,
    });
  }
}
