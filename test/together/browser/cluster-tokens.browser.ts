import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { openPage, startBrowser } from '../../support/browser/page.js';
import { arn, startManyClusters, startManyStack } from '../../support/proxy/many-clusters.js';

const scope = { after };
const clusters = await startManyClusters(scope);
clusters.tokens.one['only-one'] = { username: 'user-of-one', groups: ['system:masters'] };
clusters.tokens.two['only-two'] = { username: 'user-of-two', groups: ['system:masters'] };
const { proxy } = await startManyStack(scope, {
  clusters,
  flags: ['--reject-paths=', '--authentication-token-webhook', '--allow-system-identities=system:masters'],
});
const browser = await startBrowser(scope);
const { page, go, problems } = await openPage(scope, browser, proxy.url);

/** The credentials that were sent to the other clusters. */
const sentToOthers = new Set<string>();
page.on('request', request => {
  const { authorization } = request.headers();
  if (
    request.url().includes('/clusters/') &&
    authorization !== undefined &&
    !request.url().endsWith('/-/clusters')
  )
    sentToOthers.add(authorization);
});

async function signIn(token: string): Promise<void> {
  await page.getByLabel('Bearer token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

it('each cluster asks for its own token, and the others keep theirs', async () => {
  await go('/api/v1/namespaces/default/configmaps');
  await signIn('only-two');
  await page.getByText('The token is not accepted.').waitFor();
  await signIn('only-one');
  await page.getByText('live', { exact: true }).waitFor();
  await page.getByText('user-of-one').first().waitFor();

  await page.getByLabel('Cluster').selectOption('/clusters/two');
  await page.getByText('The cluster two does not accept your credential').waitFor();
  await signIn('nobody');
  await page.getByText('The token is not accepted.').waitFor();
  await signIn('only-two');
  await page.getByText('user-of-two').first().waitFor();
  await go('/clusters/two/api/v1/namespaces/default/configmaps');
  await page.getByText('live', { exact: true }).waitFor();

  await go('/api/v1/namespaces/default/configmaps');
  await page.getByText('user-of-one').first().waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  // A link to a cluster may come from the operators of that cluster.
  assert.deepEqual([...sentToOthers].sort(), ['Bearer nobody', 'Bearer only-two']);
  // The current context has a name too.
  await go('/clusters/one/api/v1/namespaces/default/configmaps');
  await page.getByText('user-of-one').first().waitFor();
  await page.getByLabel('Cluster').selectOption({ label: `${arn} · unused` });
  await page.getByText(`The cluster ${arn} does not accept your credential`).waitFor();
  assert.deepEqual(problems, []);
});
