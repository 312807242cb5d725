// Ways in which a page may try to reach a server. `attempt` resolves to the text of the answer that the page could read, empty where it
// could read none; a page's own site is at `own`. Runs in a browser, so that it is read as text.
globalThis.attempt = (way, server, own) => {
  const call = JSON.stringify({ prompt: [1], max_tokens: 1 });
  const completions = `${server}/v1/completions`;
  const type = (type) => ({ 'content-type': type });
  const textOf = async (url, init) => await (await fetch(url, init)).text();

  /** Adds an element, waits for its end, and reads it. */
  const add = (name, fields, read = () => '') => {
    const element = Object.assign(document.createElement(name), fields);
    const ended = new Promise((resolve) => {
      element.addEventListener('load', () => resolve(read(element)));
      element.addEventListener('error', () => resolve(''));
    });
    (document.body ?? document.documentElement).append(element);
    return ended;
  };

  /** Sends a form, whose answer a frame shows. In text/plain its body is the call and a user. */
  const submit = async (method, action, enctype) => {
    const form = Object.assign(document.createElement('form'), { method, action, enctype, target: way });
    const input = { name: `${call.slice(0, -1)},"user":"`, value: '"}' };
    form.append(Object.assign(document.createElement('input'), input));
    document.body.append(Object.assign(document.createElement('iframe'), { name: way }), form);
    form.submit();
    return '';
  };

  const ways = {
    'fetch of models': () => textOf(`${server}/v1/models`),
    'fetch of metrics': () => textOf(`${server}/metrics`),
    'fetch of health': () => textOf(`${server}/health`),
    'fetch that asks for no answer': () => textOf(`${server}/v1/models`, { mode: 'no-cors' }),
    'JSON in text/plain': () => textOf(completions, { method: 'POST', body: call }),
    'JSON in text/plain that asks for no answer': () =>
      textOf(completions, { method: 'POST', body: call, mode: 'no-cors' }),
    'JSON in a blob that asks for no answer': () =>
      textOf(completions, { method: 'POST', body: new Blob([call], { type: 'application/json' }), mode: 'no-cors' }),
    JSON: () => textOf(completions, { method: 'POST', body: call, headers: type('application/json') }),
    'JSON behind a redirection': () => textOf(`${own}/redirect`, { method: 'POST', body: call }),
    'delete of a response': () => textOf(`${server}/v1/responses/resp-0`, { method: 'DELETE' }),
    'abort of a call': () => textOf(`${server}/abort/cmpl-0`, { method: 'POST', mode: 'no-cors' }),
    'beacon of text': async () => String(navigator.sendBeacon(completions, call)).replace('true', ''),
    'beacon of JSON': async () =>
      String(navigator.sendBeacon(completions, new Blob([call], { type: 'application/json' }))).replace('true', ''),
    'form of text': () => submit('post', completions, 'text/plain'),
    'form in a query': () => submit('get', completions, ''),
    script: () => add('script', { src: `${server}/v1/models` }, () => 'it ran'),
    module: () => add('script', { src: `${server}/v1/models`, type: 'module' }, () => 'it ran'),
    image: () => add('img', { src: `${server}/v1/models` }, (image) => `${image.naturalWidth} pixels`),
    style: () => add('link', { rel: 'stylesheet', href: `${server}/v1/models` }, () => 'it applies'),
    frame: () =>
      add('iframe', { src: `${server}/v1/models` }, (frame) => frame.contentDocument?.body?.textContent ?? ''),
    events: () =>
      new Promise((resolve) => {
        const events = new EventSource(`${server}/v1/models`);
        events.onmessage = ({ data }) => resolve(data);
        events.onerror = () => {
          events.close();
          resolve('');
        };
      }),
    'web socket': () =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${server.replace('http', 'ws')}/v1/models`);
        socket.onmessage = ({ data }) => resolve(String(data));
        socket.onclose = () => resolve('');
      }),
  };
  return ways[way]().catch(() => '');
};
