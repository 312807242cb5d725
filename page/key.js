// The key of the server, asked for once where the server wants one and kept for this tab alone; and calls that carry it.

const NAME = 'roseinfer-key';

/** @param {string} id */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Calls the server with the key.
 *
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function callServer(path, init = {}) {
  const key = sessionStorage.getItem(NAME);
  const headers = new Headers(init.headers);
  if (key !== null) headers.set('authorization', `Bearer ${key}`);
  const response = await fetch(path, { ...init, headers });
  const form = element('key-form');
  if (response.status === 401) form.hidden = false;
  else if (response.ok) form.hidden = true;
  return response;
}

/**
 * Shows what is wrong, or nothing.
 *
 * @param {string} text
 */
export function showTrouble(text) {
  const trouble = element('trouble');
  if (trouble.textContent !== text) trouble.textContent = text;
}

/** Waits for a key; tells why. */
export async function nextKey() {
  const isFirst = sessionStorage.getItem(NAME) === null;
  showTrouble(isFirst ? 'The server asks for a key.' : 'The server does not take this key.');
  await new Promise((resolve) => element('key-form').addEventListener('submit', resolve, { once: true }));
}

/** Takes the key that is typed. */
export function listenForKey() {
  element('key-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const input = element('key');
    if (!(input instanceof HTMLInputElement)) return;
    sessionStorage.setItem(NAME, input.value.trim());
    input.value = '';
  });
}
