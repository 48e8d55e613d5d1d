import assert from 'node:assert/strict';
import { it } from 'node:test';
import { identityOf } from '../../src/clusters/endpoint.js';
import { endpointWith } from '../support/proxy/client-request.js';

const server = { protocol: 'https:', hostname: 'api.example', port: 443, path: '' } as const;
const jane = { username: 'jane', uid: undefined, groups: [], extra: new Map() };

it('the identity of an endpoint has no text that could be that of other parts, and contains no secret of the proxy on the way', () => {
  // Texts that become equal if the parts are only joined.
  const one = endpointWith({ server: { ...server, path: '/a' }, tlsServerName: 'b' });
  const other = endpointWith({ server: { ...server, path: '/b' }, tlsServerName: 'a' });
  assert.notEqual(identityOf(one).server, identityOf(other).server);
  const groups = (...names: string[]) => endpointWith({ impersonation: { ...jane, groups: names } });
  assert.notEqual(identityOf(groups('a', 'b')).impersonation, identityOf(groups('a,b')).impersonation);
  const endpoint = endpointWith(
    {},
    {
      proxy: {
        protocol: 'http:',
        hostname: 'p',
        port: 1,
        credentials: { username: 'u', password: 'S3CRET' },
      },
    },
  );
  assert.doesNotMatch(JSON.stringify(identityOf(endpoint)), /S3CRET/);
});
