import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHealth } from '../../src/endpoints/health.js';

const healthy = createHealth([
  { name: 'credentials', check: () => undefined },
  { name: 'api-server', check: async () => undefined },
]);
const unhealthy = createHealth([
  { name: 'credentials', check: () => undefined },
  {
    name: 'api-server',
    check: async () => Promise.reject(new Error('connect ECONNREFUSED\n127.0.0.1:6443')),
  },
  {
    name: 'shutdown',
    check: () => {
      throw new Error('process is shutting down');
    },
  },
]);

describe('livez and readyz', () => {
  it('answer ok if all checks pass, and list them in verbose form as the API server does', async () => {
    assert.deepEqual(await healthy.livez(''), { code: 200, body: 'ok' });
    assert.deepEqual(await healthy.readyz(''), { code: 200, body: 'ok' });
    for (const query of ['verbose', 'verbose=', 'verbose=0', 'a=b&verbose', 'v%65rbose']) {
      assert.deepEqual(await healthy.readyz(query), {
        code: 200,
        body: '[+]ping ok\n[+]credentials ok\n[+]api-server ok\nreadyz check passed\n',
      });
    }
    assert.deepEqual(await healthy.livez('verbose'), { code: 200, body: '[+]ping ok\nlivez check passed\n' });
  });

  it('report each failure and its reason in one line, verbose or not; livez keeps the process alive if the API server is down', async () => {
    const body = [
      '[+]ping ok',
      '[+]credentials ok',
      '[-]api-server failed: connect ECONNREFUSED 127.0.0.1:6443',
      '[-]shutdown failed: process is shutting down',
      'readyz check failed',
      '',
    ].join('\n');
    assert.deepEqual(await unhealthy.readyz(''), { code: 500, body });
    assert.deepEqual(await unhealthy.readyz('verbose'), { code: 500, body });
    assert.deepEqual(await unhealthy.livez(''), { code: 200, body: 'ok' });
  });

  it('skip excluded checks and do not run them', async () => {
    const check = () => assert.fail('it runs');
    assert.deepEqual(
      await createHealth([{ name: 'api-server', check }]).readyz('exclude=api-server&verbose'),
      { code: 200, body: '[+]ping ok\n[+]api-server excluded: ok\nreadyz check passed\n' },
    );
    const { code, body } = await unhealthy.readyz('exclude=api-server&exclude=shutdown');
    assert.deepEqual([code, body], [200, 'ok']);
  });

  it('warn of excluded names that match no check', async () => {
    assert.deepEqual(await healthy.readyz('verbose&exclude=nope&exclude=etcd&exclude=ping'), {
      code: 200,
      body: [
        '[+]ping excluded: ok',
        '[+]credentials ok',
        '[+]api-server ok',
        'warn: some health checks cannot be excluded: no matches for "etcd","nope"',
        'readyz check passed',
        '',
      ].join('\n'),
    });
  });

  it('run their checks in parallel, and list them in order', async () => {
    let end = () => {};
    const slow = { name: 'slow', check: () => new Promise<void>(resolve => (end = resolve)) };
    const { body } = await createHealth([slow, { name: 'fast', check: () => end() }]).readyz('verbose');
    assert.equal(body, '[+]ping ok\n[+]slow ok\n[+]fast ok\nreadyz check passed\n');
  });
});

it('the results of the checks are the latest known ones and never wait for a check', async () => {
  let settle: (() => void) | undefined;
  const health = createHealth([
    { name: 'good', check: () => undefined },
    { name: 'bad', check: () => Promise.reject(new Error('away')) },
    {
      name: 'silent',
      check: () =>
        new Promise<void>(resolve => {
          settle = resolve;
        }),
    },
  ]);
  const quick = [
    ['good', true],
    ['bad', false],
  ];
  for (let scrape = 0; scrape < 2; scrape += 1) assert.deepEqual([...(await health.results())], quick);
  settle?.();
  await new Promise(setImmediate);
  assert.deepEqual([...(await health.results())], [...quick, ['silent', true]]);
});
