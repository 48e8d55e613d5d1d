import http from 'node:http';
import { proxyRefused, proxyUnusable } from './proxy-error.js';
import { authorityOf, type Credentials, type Negotiation } from './proxy-url.js';

const maxHeaderSize = 64 * 1024;
/** A message shows at most this many characters of the proxy's status code and reason. */
const maxReasonLength = 100;

/**
 * Asks an HTTP proxy for a tunnel (CONNECT, RFC 9110 section 9.3.6). Only 200 is a success, as in net/http. Bytes that follow it come from
 * the API server and stay in the socket.
 */
export const negotiateConnect: Negotiation = (socket, proxy, server, done) => {
  const target = authorityOf(server);
  const outgoing = http.request({
    method: 'CONNECT',
    path: target,
    headers: {
      Host: target,
      'User-Agent': 'kube-api-proxy',
      ...(proxy.credentials === undefined ? {} : { 'Proxy-Authorization': basic(proxy.credentials) }),
    },
    maxHeaderSize,
    createConnection: () => socket,
  });
  // Node would send `Connection: close`, and some proxies apply that to the tunnel.
  outgoing.removeHeader('Connection');
  outgoing.once('connect', (response, _socket, head) => {
    if (response.statusCode !== 200) {
      const reason = `${response.statusCode} ${response.statusMessage ?? ''}`
        .trim()
        .slice(0, maxReasonLength);
      const hint = response.statusCode === 407 ? "; check the user name and password in the proxy's URL" : '';
      done(proxyRefused(proxy, target, reason + hint));
      return;
    }
    if (head.length > 0) socket.unshift(head);
    done(null);
  });
  outgoing.on('error', error => done(proxyUnusable(proxy, error)));
  outgoing.end();
};

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
