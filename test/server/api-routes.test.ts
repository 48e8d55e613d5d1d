import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { test } from 'node:test';
import fastify from 'fastify';
import undici from 'undici';
import { type ProxyOptions, proxyPlugin } from '../../src/server/api-routes.js';

test('the routes to the API server create no client and no agent of their own', async t => {
  const constructors = [
    t.mock.method(undici, 'Agent'),
    t.mock.method(undici, 'Pool'),
    t.mock.method(http, 'Agent'),
    t.mock.method(https, 'Agent'),
  ];
  const app = fastify();
  t.after(() => app.close());
  await app.register(proxyPlugin, { route: '/api', context: {} } as ProxyOptions);
  await app.ready();
  assert.deepEqual(
    constructors.map(({ mock }) => mock.callCount()),
    [0, 0, 0, 0],
  );
});
