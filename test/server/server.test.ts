import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { it } from 'node:test';
import { createProgram } from '../../src/app/compose.js';
import { createLogger } from '../../src/observability/log/logger.js';
import { parseOptions } from '../../src/options/parse.js';
import { within } from '../support/eventually.js';

it('a server that closes does not wait for connections that have sent nothing', async t => {
  const { options } = parseOptions({ argv: ['--server=http://127.0.0.1:1'], env: {} });
  const logger = createLogger({ level: 'silent', format: 'json' });
  const program = await createProgram(options, {
    ...{ env: {}, homedir: '/nowhere', version: '1.0.0', nodeVersion: process.version, logger },
  });
  assert.ok('app' in program);
  const { app } = program;
  await app.listen({ host: '127.0.0.1', port: 0 });
  const client = net.connect((app.server.address() as net.AddressInfo).port);
  t.after(async () => {
    client.destroy();
    await program.close();
  });
  await once(app.server, 'connection');
  await within('the end of the server', app.close());
  await once(client.resume(), 'close');
});
