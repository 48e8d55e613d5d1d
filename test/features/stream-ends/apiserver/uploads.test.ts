import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import tls from 'node:tls';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { connectHttp2, openStream } from '../../../support/clients/http2-client.js';
import { watchRaw } from '../../../support/clients/raw-http.js';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { startProxy } from '../../../support/proxy/proxy.js';
import { replaceFile } from '../../../support/replaced-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('an upload that goes on after its RoleBinding was deleted gets a 403 over HTTP/1.1 and HTTP/2, and another one goes on', async (t, server) => {
  const users = ['unbound', 'bound'].map(name => `${name}-${randomUUID()}`);
  const [unbound = '', bound = ''] = users;
  const tokens = join(temporaryFolder(), 'tokens.csv');
  await replaceFile(tokens, users.map(user => `token-of-${user},${user},,\n`).join(''));
  const files = await createServingFiles();
  const ca = files.authority.certificate;
  const namespace = await server.createNamespace();
  const proxy = await startProxy([
    ...[`--kubeconfig=${await server.kubeconfig()}`, '--reject-paths=', '--log-format=json', ...files.flags],
    ...[callersFlag(tokens), '--recheck-streams=10s'],
  ]);
  t.after(() => proxy.stop('SIGKILL'));
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }];
  const [unbind] = await Promise.all(users.map(user => server.bind(namespace, user, rules)));
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const type = 'application/json';
  const begin = (user: string) => {
    const raw = watchRaw(tls.connect({ host: '127.0.0.1', port: proxy.port, ca }));
    t.after(() => raw.destroy());
    const fields = `Host: localhost\r\nAuthorization: Bearer token-of-${user}\r\nContent-Type: ${type}\r\n`;
    raw.write(`POST ${path} HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`);
    return raw;
  };
  const [first, other] = [begin(unbound), begin(bound)];
  const session = await connectHttp2(proxy.port, ca);
  t.after(() => session.destroy());
  const headers = { ':method': 'POST', authorization: `Bearer token-of-${unbound}`, 'content-type': type };
  const stream = openStream(session, path, headers, false);
  let answer = '';
  stream.on('data', chunk => {
    answer += chunk;
  });
  stream.write('{');
  await unbind?.();
  const trickle = setInterval(() => {
    for (const raw of [first, other]) raw.write('1\r\n \r\n');
    if (!stream.destroyed) stream.write(' ');
  }, 500);
  t.after(() => clearInterval(trickle));
  await first.until(/^HTTP\/1\.1 403 [\s\S]*you may no longer do what this stream began with/, 60_000);
  await eventually('the answer over HTTP/2', () => answer.includes('you may no longer do'), 60_000);
  assert.equal(other.received(), '');
});
