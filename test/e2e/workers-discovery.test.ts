import { test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { start } from './worker-probe.js';

test('workers learn from discovery which resources there are', async t => {
  const { server } = await start(t, ['--workers=2']);
  const asked = () =>
    server.requests.filter(
      ({ rawUrl, headers }) => rawUrl === '/apis' && headers['user-agent'] === 'kube-api-proxy',
    );
  await eventually('a request for /apis', () => asked().length > 0);
});
