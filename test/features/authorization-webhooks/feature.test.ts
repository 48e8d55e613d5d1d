import assert from 'node:assert/strict';
import { it } from 'node:test';
import { authorizationWebhooks } from '../../../src/features/authorization-webhooks/feature.js';

it('authorization webhooks need a method of authentication', () => {
  const methods = [{ flag: '--some-method' }] as never;
  const problems = (authorizationConfig: string, methodsOn: readonly object[]) =>
    authorizationWebhooks.problems({ authorizationConfig }, new Set(), { methods, methodsOn } as never);
  assert.deepEqual(problems('file', []), [
    '--authorization-config needs a method of authentication (--some-method): it is about what each caller may do',
  ]);
  assert.deepEqual(problems('file', methods), []);
  assert.deepEqual(problems('', []), []);
});
