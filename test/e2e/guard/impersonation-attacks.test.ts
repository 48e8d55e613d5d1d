import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../../support/proxy/stack.js';
import { bothLegs, passed } from '../credential-probe.js';
import { assertStatus, send } from '../leg.js';

const byLead = 'Authorization: Bearer lead-token';

test('what the API server has said about one caller counts for no API server behind another path than that of the server’s URL', async t => {
  let lets = true;
  const { proxy, server } = await startGateway(t, {
    ...{ serverPath: '/c1', tokenFile: 'lead-token,lead,,\n', flags: ['--allow-impersonation'] },
    server: { allow: ({ username }, { verb }) => verb !== 'impersonate' || username !== 'lead' || lets },
  });
  const arrived: string[] = [];
  server.intercept(request => {
    const { url = '' } = request;
    // Several clusters behind one host; only the first one lets lead act as alice.
    const path = url.replace(/\/(?:api|apis|version)(?:\/.*)?$/, '');
    request.url = url.slice(path.length);
    lets = path === '/c1';
    if (request.headers['impersonate-user'] === 'alice') arrived.push(path);
    return false;
  });
  const pod = '/api/v1/namespaces/default/pods/web-0';
  for (const leg of bothLegs) {
    const ask = (path: string) => {
      const target = `${path}${pod}${leg === 'plain' ? '' : '/exec?command=true&stdout=true'}`;
      return send(proxy.port, { leg, target, headers: [byLead, 'Impersonate-User: alice'] });
    };
    assert.equal((await ask('/c1')).code, passed(leg));
    for (const path of ['/c2', '', '/c1x', '/C1', '/%631', '//c1', '/c1;x', '/c2/c1']) {
      assert.match(assertStatus(await ask(path), 403, path), /--append-server-path/);
    }
    for (const path of ['/c1/../c2', '/c1/%2e%2e/c2']) assertStatus(await ask(path), 400, path);
  }
  assert.deepEqual(arrived, ['/c1', '/c1']);
  const root = await send(proxy.port, { target: '/c1', headers: [byLead] });
  assert.doesNotMatch(root.body, /--append-server-path/);
});
