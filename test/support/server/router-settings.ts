// Flags and configuration of routers as docs/scaling.md prints them, so that tests try what readers copy.
import { readDocument, shellLines } from '../../docs/documents.ts';

const { blocks } = readDocument('docs/scaling.md');

/** File of nginx. */
export const NGINX_CONFIGURATION = blocks.find(({ language }) => language === 'nginx')?.code ?? '';

/** Flags of sglang-router, without addresses. */
export const SMG_FLAGS: readonly string[] = (shellLines.find(({ line }) => line.includes('smg launch'))?.line ?? '')
  .replace(/^.* --prometheus-host \S+ /, '')
  .replace(/ --worker-urls .*$/, '')
  .split(' ');
