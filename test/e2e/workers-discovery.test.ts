import { test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { start } from './worker-probe.js';

test('workers learn the existing resources from discovery', async t => {
  const { server } = await start(t, ['--workers=2']);
  const asked = () =>
    server.requests.filter(
      ({ rawUrl, headers }) => rawUrl === '/apis' && headers['user-agent'] === 'kube-api-proxy',
    );
  await eventually('a request for /apis', () => asked().length > 0);
});
