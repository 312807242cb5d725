// The playground: sends a prompt or a chat and shows the tokens as they come, several side by side where that is asked for.
import { callServer, element } from './key.js';

/** @typedef {{ role: string, content: string }} Message */
/** @typedef {{ text: string, tokens: number, reason: string | null }} Answer */

const EVENT_END = '\n\n';

/** Gives its parts life. */
export function startPlayground() {
  const form = element('playground');
  const prompt = element('prompt');
  const stop = element('stop');
  const reset = element('reset');
  if (!(form instanceof HTMLFormElement) || !(prompt instanceof HTMLTextAreaElement)) return;
  /** @type {AbortController | null} */
  let running = null;
  /** @type {Message[]} */
  let history = [];

  const isChat = () => new FormData(form).get('mode') === 'chat';
  const forget = () => {
    running?.abort();
    history = [];
    element('answers').replaceChildren();
  };
  form.addEventListener('change', () => {
    if (reset.hidden === isChat()) forget();
    reset.hidden = !isChat();
  });
  reset.addEventListener('click', () => {
    forget();
    prompt.focus();
  });
  stop.addEventListener('click', () => running?.abort());
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') running?.abort();
    if (event.key === 'Enter' && event.ctrlKey && document.activeElement === prompt) form.requestSubmit();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (running !== null) return;
    running = new AbortController();
    setRunning(true);
    const { signal } = running;
    const text = prompt.value;
    try {
      if (isChat()) {
        addAnswer('user').textContent = text;
        prompt.value = '';
        const before = history;
        const messages = [...before, { role: 'user', content: text }];
        const { text: reply, reason } = await show('/v1/chat/completions', { ...parameters(form), messages }, signal);
        // A turn that failed is no part of the chat; nor is one that a new chat has ended.
        if (reply === '' && reason === null) prompt.value ||= text;
        else if (history === before) history = [...messages, { role: 'assistant', content: reply }];
      } else {
        element('answers').replaceChildren();
        const { seed, ...fields } = parameters(form);
        const { copies = 1 } = numberOf(form, 'copies');
        const seeds = Array.from({ length: copies }, (_, i) => (seed === undefined ? {} : { seed: seed + i }));
        await Promise.all(seeds.map((each) => show('/v1/completions', { ...fields, ...each, prompt: text }, signal)));
      }
    } finally {
      running = null;
      setRunning(false);
    }
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 * @returns {Record<string, number>}
 */
function numberOf(form, name) {
  const value = new FormData(form).get(name);
  return typeof value === 'string' && value !== '' ? { [name]: Number(value) } : {};
}

/**
 * @param {HTMLFormElement} form
 * @returns {Record<string, number>}
 */
function parameters(form) {
  return Object.assign({}, ...['temperature', 'top_p', 'max_tokens', 'seed'].map((name) => numberOf(form, name)));
}

/** @param {boolean} isRunning */
function setRunning(isRunning) {
  for (const [id, disabled] of /** @type {const} */ ([
    ['send', isRunning],
    ['stop', !isRunning],
  ])) {
    const button = element(id);
    if (button instanceof HTMLButtonElement) button.disabled = disabled;
  }
}

/** @param {string} kind */
function addAnswer(kind) {
  const box = document.createElement('div');
  box.className = 'answer';
  const line = document.createElement('p');
  line.className = kind;
  box.append(line);
  element('answers').append(box);
  return line;
}

/**
 * Sends a call and shows its answer as it comes.
 *
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
async function show(path, body, signal) {
  const line = addAnswer('text');
  const note = document.createElement('span');
  note.className = 'hint';
  line.after(note);
  const began = performance.now();
  /** @type {Answer} */
  const answer = { text: '', tokens: 0, reason: null };
  try {
    const response = await callServer(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
      signal,
    });
    if (!response.ok || response.body === null) throw new Error((await response.json()).error.message);
    for await (const data of events(response.body)) {
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      const [choice] = chunk.choices;
      answer.text += choice?.text ?? choice?.delta?.content ?? '';
      answer.reason = choice?.finish_reason ?? answer.reason;
      answer.tokens = chunk.usage?.completion_tokens ?? answer.tokens;
      const isAtEnd = line.scrollHeight - line.scrollTop - line.clientHeight < 1;
      line.textContent = answer.text;
      if (isAtEnd) line.scrollTop = line.scrollHeight;
    }
    const seconds = (performance.now() - began) / 1000;
    note.textContent = `${answer.tokens} tokens, ${(answer.tokens / seconds).toFixed(1)} tokens/s, ended by ${answer.reason}`;
  } catch (error) {
    note.textContent = signal.aborted ? 'stopped' : String(error instanceof Error ? error.message : error);
  }
  return answer;
}

/**
 * Yields the data of a stream's events, up to the one that says that it is done.
 *
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} stream
 * @returns {AsyncGenerator<string>}
 */
async function* events(stream) {
  let rest = '';
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('The stream ended before its answer did.');
    const parts = (rest + value).split(EVENT_END);
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const data = part.startsWith('data: ') ? part.slice('data: '.length) : '';
      if (data === '[DONE]') return;
      if (data !== '') yield data;
    }
  }
}
