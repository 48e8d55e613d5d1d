import assert from 'node:assert/strict';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { startLeadGateway } from '../../support/proxy/lead-gateway.js';
import type { Scope } from '../../support/scope.js';
import { type ProbeLeg, passed, probe } from '../credential-probe.js';
import { toBytes } from '../leg.js';

const by = (token: string) => `Authorization: Bearer ${token}`;

/**
 * A client leaves while the API server is asked whether it may act as somebody else. Asserts that its request is not sent, and that
 * another one of the same caller passes.
 */
export async function leaveDuringReview(
  t: Scope,
  leg: ProbeLeg,
  flags: readonly string[] = [],
): Promise<void> {
  const { proxy, server } = await startLeadGateway(t, { flags });
  const release: (() => void)[] = [];
  server.intercept(async ({ url, headers }) => {
    if (!url?.endsWith('/selfsubjectaccessreviews') || headers['impersonate-user'] !== 'lead') return false;
    await new Promise<void>(resolve => release.push(resolve));
    return false;
  });
  const connection = await connectRaw(proxy.port);
  const path = `/api/v1/namespaces/default/pods/left${leg === 'plain' ? '' : '/exec'}`;
  connection.write(toBytes({ leg, target: path, headers: [by('lead-token'), 'Impersonate-User: alice'] }));
  await eventually('the review', () => release.length === 1);
  // A client that only ends its side may still read the answer.
  connection.socket.resetAndDestroy();
  await eventually('the line', () => proxy.log().some(line => line['path'] === path && line['code'] === 0));
  const second = probe(proxy, server, leg, { headers: [by('lead-token'), 'Impersonate-User: bob'] });
  await eventually('the second review', () => release.length === 2);
  for (const answer of release) answer();
  assert.equal((await second).code, passed(leg));
  assert.ok(!server.requests.some(({ rawUrl }) => rawUrl === path));
}
