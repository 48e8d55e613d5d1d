import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ClusterPart } from '../../src/clusters/cluster.js';
import { ConstrainedImpersonation } from '../../src/reviews/constrained-impersonation.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { type Answer, answeringPool } from '../support/transport/answering-pool.js';
import { accessTo, endpoint } from '../support/transport/upstream-requests.js';

const headers = ['Content-Type', 'application/json'];
const withIt = {
  ...{ status: 400, headers },
  body: { message: 'requested &user.DefaultInfo{Name:""} without impersonating a user name' },
};
const off = {
  status: 400,
  headers,
  body: { message: 'requested [{Group  x    }] without impersonating a user' },
};
const before135 = {
  status: 500,
  body: 'Internal Server Error: "/api": requested [{Group  x    }] without impersonating a user',
};

/** A cluster whose API server gives these answers, one after the other. */
function clusterThatAnswers(...answers: readonly Answer[]) {
  const asked: (readonly string[])[] = [];
  const at = { now: endpoint };
  const parts: ClusterPart[] = [];
  const pool = answeringPool(({ path, headers }) => {
    asked.push([path, ...headers.filter((_, index) => /^impersonate-/i.test(headers[index - 1] ?? ''))]);
    return answers[Math.min(asked.length, answers.length) - 1];
  });
  const cluster = {
    host: 'h',
    access: () => accessTo(pool, { endpoint: at.now }),
    refused: async () => undefined,
    attach: (part: ClusterPart) => parts.push(part),
  };
  const replace = (server: string) => {
    at.now = { ...endpoint, server };
    for (const part of parts) part.replaced?.();
  };
  return { cluster, asked, at, replace };
}

it('an API server has constrained impersonation if its rejection of a group without a user says so', async () => {
  for (const [answer, expected] of [
    ...([
      [withIt, true],
      [off, false],
      [before135, false],
    ] as const),
    // A server that ignores the field, and one in front of it that rejects it.
    ...([
      [{ status: 200, body: {} }, false],
      [{ status: 403, body: { message: 'no' } }, false],
    ] as const),
  ] as const) {
    const { cluster, asked } = clusterThatAnswers(answer);
    assert.equal(await new ConstrainedImpersonation(new ManualClock(0)).isThere(cluster), expected);
    assert.deepEqual(asked, [['/api', 'kube-api-proxy:question']]);
  }
});

it('an API server is asked once in ten minutes, another one at its address at once, and again after a failure', async () => {
  const clock = new ManualClock(0);
  const found = new ConstrainedImpersonation(clock);
  const { cluster, asked, at } = clusterThatAnswers(
    { status: 502, body: '' },
    undefined,
    withIt,
    off,
    withIt,
  );
  await assert.rejects(found.isThere(cluster), /answers 502 to a question about impersonation/);
  await assert.rejects(found.isThere(cluster));
  assert.deepEqual(await Promise.all([found.isThere(cluster), found.isThere(cluster)]), [true, true]);
  assert.equal(asked.length, 3);
  at.now = { ...endpoint, server: 'another' };
  assert.equal(await found.isThere(cluster), false);
  assert.equal(await found.isThere(cluster, at.now), false);
  clock.advance(10 * 60_000);
  assert.equal(await found.isThere(cluster), true);
  assert.equal(asked.length, 5);
});

it('an API server is asked at the start, and another one that takes its place, and nobody hears of a failure', async () => {
  const found = new ConstrainedImpersonation(new ManualClock(0));
  const { cluster, asked, replace } = clusterThatAnswers(undefined, withIt, off);
  found.follow(cluster);
  await eventually('the first one is asked', () => asked.length === 1);
  replace('another');
  await eventually('the second one is asked', () => asked.length === 2);
  assert.equal(await found.isThere(cluster), true);
  replace('another');
  assert.equal(await found.isThere(cluster), true, 'the same server with another credential');
  assert.equal(asked.length, 2);
  replace('a third');
  assert.equal(await found.isThere(cluster), false);
  assert.equal(asked.length, 3);
});
