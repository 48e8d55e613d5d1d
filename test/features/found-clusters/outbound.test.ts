import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outboundFields } from '../../../src/features/found-clusters/outbound.js';

describe('the fields of a request to a found cluster', () => {
  const none = { bringsAuthorization: false, impersonation: 'configured' } as const;
  const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from('token').toString('base64url')}`;

  it('are those that say what it asks for, and none that says who somebody is', () => {
    const kept = ['Accept', 'application/json', 'User-Agent', 'kubectl', 'Content-Type', 'application/json'];
    const alsoKept = [
      ...['Impersonate-User', 'ann', 'Impersonate-Extra-Authentication.kubernetes.io%2fpod-name', 'web-0'],
      'Sec-WebSocket-Key',
      'x',
      'Sec-WebSocket-Protocol',
      'v5.channel.k8s.io',
      'Kubectl-Session',
      'y',
    ];
    const dropped = [
      ...[
        'Cookie',
        'cookie2',
        'X-Forwarded-Access-Token',
        'X-Auth-Request-User',
        'x-amzn-oidc-data',
        'X-Api-Key',
      ],
      ...['X-Goog-Iap-Jwt-Assertion', 'X-Apikey', 'PRIVATE-TOKEN', 'X-Vault-Secret', 'X-Password'],
    ].flatMap(name => [name, 'token']);
    const headers = [...kept, ...dropped, ...alsoKept];
    assert.deepEqual(outboundFields({ ...none, headers }), [...kept, ...alsoKept]);
  });

  it('are refused with a credential for an API server', () => {
    for (const headers of [
      ['Authorization', 'Bearer token'],
      ['AUTHORIZATION', ''],
      ['Sec-WebSocket-Protocol', `v5.channel.k8s.io, ${bearer}`],
      ['sec-websocket-protocol', `\u0085${bearer.toUpperCase()}`],
    ])
      assert.throws(
        () => outboundFields({ ...none, headers }),
        { code: 403, reason: 'identity' },
        headers[0],
      );
  });

  it('name no user or group that Kubernetes reserves, but those of a service account', () => {
    const fields = (user: string, ...groups: readonly string[]) => [
      ...['Impersonate-User', user],
      ...groups.flatMap(group => ['Impersonate-Group', group]),
    ];
    const [account, all, own] = [
      'system:serviceaccount:a:b',
      'system:serviceaccounts',
      'system:serviceaccounts:a',
    ];
    for (const [impersonation, reserved] of [
      [fields('ann', 'dev', 'system:authenticated'), undefined],
      [fields(account), undefined],
      [fields(account, all, own, 'system:authenticated'), undefined],
      [fields(account, 'system:serviceaccounts:kube-system'), 'group "system:serviceaccounts:kube-system"'],
      [fields('ann', all), `group "${all}"`],
      [fields('system:serviceaccount:a'), 'user "system:serviceaccount:a"'],
      [fields('ann', 'system:masters'), 'group "system:masters"'],
      [fields('ann', 'kubeadm:cluster-admins'), 'group "kubeadm:cluster-admins"'],
      [fields('system:anonymous'), 'user "system:anonymous"'],
      [fields('system:node:a', 'system:nodes'), 'user "system:node:a"'],
    ] as const) {
      // Of the caller, whose fields are the same list each time, or of a client of a gateway without authentication.
      for (const request of [
        { ...none, headers: [], impersonation },
        { ...none, headers: impersonation },
        { ...none, headers: [], impersonation },
      ]) {
        const send = () => outboundFields(request);
        if (reserved === undefined) assert.deepEqual(send(), request.headers);
        else assert.throws(send, { code: 403, message: new RegExp(`^${reserved} is reserved`) });
      }
    }
  });
});
