import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { startGateway } from '../../support/proxy/gateway.js';
import { ownMetric, untilOwnMetric } from '../../support/proxy/own-metric.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { bothLegs, probe } from '../credential-probe.js';
import { assertStatus } from '../leg.js';

const unauthorized = 'kube_api_proxy_upstream_unauthorized_total';

describe(unauthorized, () => {
  test('does not count a 401 to the credential of a caller, or of a program behind the API server', async t => {
    const { server, proxy: gateway, kubeconfig } = await startGateway(t, { tokenFile: twoUsers });
    const proxy = await startProxy([`--kubeconfig=${kubeconfig}`, '--reject-paths=', '--admin-port=0']);
    t.after(() => proxy.stop('SIGKILL'));
    server.intercept(({ url = '' }, response) => {
      if (!url.includes('/services/')) return false;
      response.writeHead(401);
      response.end();
      return true;
    });
    const headers = ['Authorization: Bearer nobody'];
    for (const leg of bothLegs) {
      // The gateway itself does not know this token.
      assertStatus((await probe(gateway, server, leg, { headers })).answer, 401, leg);
      // The API server, which gets this token, does not know it.
      const passed = await probe(proxy, server, leg, { headers });
      assertStatus(passed.answer, 401, leg);
      assert.equal(passed.authorization, 'Bearer nobody');
    }
    const behind = await send(proxy.port, '/api/v1/namespaces/default/services/grafana/proxy/');
    assert.equal(behind.status, 401);
    const seen = 'kube_api_proxy_requests_total{verb="connect",group="",version="v1",resource="services"';
    await untilOwnMetric(proxy.port, `${seen},subresource="proxy",scope="resource",code="401"}`, 1);
    assert.equal(await ownMetric(proxy.port, unauthorized), 0);
    const { text } = await send(gateway.port, '/-/metrics', {
      headers: { authorization: 'Bearer bob-token' },
    });
    assert.match(text, new RegExp(`^${unauthorized} 0$`, 'm'));
  });
});
