import type { OwnEndpoint, OwnEndpointParts } from './own-endpoint.js';

/**
 * The index of the paths below `/-/`: a page for browsers, and plain text for other clients. It is public, so it contains nothing but
 * paths.
 */
export const index = {
  name: '',
  title: 'this index',
  access: 'public',
  create({ served }) {
    const others = served.filter(({ name }) => name !== '');
    const text = others.map(({ name, title }) => `/-/${name.padEnd(12)}${title}\n`).join('');
    const html = pageOf(others);
    return async (request, reply) => {
      reply.headers({
        'Cache-Control': 'no-cache',
        'Content-Security-Policy':
          "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'Referrer-Policy': 'no-referrer',
        Vary: 'Accept',
      });
      if (!/\btext\/html\b/.test(request.headers.accept ?? '')) return text;
      reply.type('text/html; charset=utf-8');
      return html;
    };
  },
} as const satisfies OwnEndpoint;

/** All values come from the source code, so none needs escaping. */
function pageOf(endpoints: OwnEndpointParts['served']): string {
  const rows = endpoints.map(({ name, title }) => `<dt><a href="${name}">/-/${name}</a><dd>${title}\n`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>kube-api-proxy</title>
<h1>kube-api-proxy</h1>
<dl>
${rows.join('')}</dl>
</html>
`;
}
