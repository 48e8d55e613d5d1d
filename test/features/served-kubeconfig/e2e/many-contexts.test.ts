import assert from 'node:assert/strict';
import { it } from 'node:test';
import { answeredBefore, startLarge } from '../../../e2e/endpoints/large-kubeconfig.js';
import { send } from '../../../support/clients/http-client.js';

it('a kubeconfig of 2,000 contexts is written for clients while other requests are answered', async t => {
  const { port } = await startLarge(t);
  const answered = await answeredBefore(t, port, '/-/kubeconfig');
  assert.ok(answered >= 5, `${answered} requests were answered meanwhile`);
  const { text } = await send(port, '/-/kubeconfig');
  assert.equal(text.match(/^ +server: /gm)?.length, 2_002);
  assert.match(text, /^ {6}server: ".*\/clusters\/context-1999"$/m);
});
