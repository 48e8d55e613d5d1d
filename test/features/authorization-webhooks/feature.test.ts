import assert from 'node:assert/strict';
import { it } from 'node:test';
import { authorizationWebhooks } from '../../../src/features/authorization-webhooks/feature.js';
import { createCheck } from '../../../src/features/authorization-webhooks/guard.js';
import { Rejection } from '../../../src/guard/rejection.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { TooManyReviewsError } from '../../../src/reviews/authorizer.js';
import { wish } from './fake-webhook.js';

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

it('a user with too many questions for a webhook gets 429, and no request passes for that', async () => {
  const reviews = {
    async denialOf() {
      throw new TooManyReviewsError('the authorization webhook policy');
    },
  };
  const request = {
    caller: wish().user,
    cluster: { name: 'dev' },
    path: { info: parseRequestInfo('GET', '/version', ''), forServer: { query: '' } },
    head: { rawHeaders: [] },
  };
  await assert.rejects(
    async () => createCheck({ reviews } as never)(request as never),
    (error: unknown) => {
      assert.ok(error instanceof Rejection);
      assert.deepEqual([error.code, error.reason, error.retryAfterSeconds], [429, 'webhook_busy', 1]);
      return true;
    },
  );
});
