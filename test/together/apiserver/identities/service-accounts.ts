import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { bearer, type Credential } from './credential.js';
import { differences } from './differences.js';

/** Tokens of service accounts. Whether one is valid, the API server says to all: only in their spelling a gateway could differ. */
export async function makeServiceAccountTokens(server: ApiServer): Promise<readonly Credential[]> {
  const namespace = await server.createNamespace();
  const core = `/api/v1/namespaces/${namespace}`;
  const nodeName = `node-of-${namespace}`;
  await server.admin.do('POST', `${core}/serviceaccounts`, { metadata: { name: 'reader' } });
  await server.admin.do('POST', '/api/v1/nodes', { metadata: { name: nodeName } });
  await server.admin.do('POST', `${core}/pods`, {
    metadata: { name: 'placed' },
    spec: { nodeName, serviceAccountName: 'reader', containers: [{ name: 'main', image: 'none' }] },
  });
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'placed' };
  const [reader, ofPod, otherAudience] = (await Promise.all(
    [{}, { boundObjectRef }, { audiences: ['vault'] }].map(spec => server.tokenOf(namespace, 'reader', spec)),
  )) as [string, string, string];

  const spaced = (space: string) => reader.replace(/(?<=\.[^.]*)..$/, end => space + end);
  const user = `system:serviceaccount:${namespace}:reader`;
  return [
    bearer('given by the API server', reader, user),
    bearer('bound to a Pod on a node', ofPod, user),
    bearer('for another audience', otherAudience, undefined),
    bearer('with a tab in it', spaced('\t'), user, differences.spaces),
    bearer('with a no-break space in it', spaced('\u00a0'), user, differences.spaces),
    bearer('with the control character of a next line in it', spaced('\u0085'), user, differences.spaces),
    bearer('with a line separator before it', `\u2028${reader}`, user, differences.spaces),
    bearer('with a zero width space in it', spaced('\u200b'), undefined),
    bearer('without its signature', reader.replace(/[^.]*$/, ''), undefined),
    bearer('with a fourth part', `${reader}.AA`, undefined),
  ];
}
