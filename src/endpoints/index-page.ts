import type { OwnEndpoint } from './own-endpoint.js';

/** The index of the paths below `/-/`, as text. It is public, so it contains nothing but paths. */
export const index = {
  name: '',
  title: 'this index',
  access: 'public',
  create({ served }) {
    const others = served.filter(({ name }) => name !== '');
    const text = others.map(({ name, title }) => `/-/${name.padEnd(12)}${title}\n`).join('');
    return async (_request, reply) => {
      reply.header('Cache-Control', 'no-cache');
      return text;
    };
  },
} as const satisfies OwnEndpoint;
