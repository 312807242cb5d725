// Exports of 'roseinfer/client': streams of `roseinfer serve` that go on when a replica breaks, without an engine, on any platform.

import '../util/platform-types.ts';

export type { ResumableCall, ServedPath } from './call-checks.ts';
export type { ChunkChoice, StreamChunk } from './chunk.ts';
export {
  CallRefusedError,
  NoReplicaError,
  NoTokenIdsError,
  ReplicaError,
  type ReplicaFault,
} from './errors.ts';
export { streamWithResume } from './stream-with-resume.ts';
