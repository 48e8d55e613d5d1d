import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { it } from 'node:test';
import { createProgram } from '../../src/app/compose.js';
import { createLogger } from '../../src/observability/log/logger.js';
import { parseOptions } from '../../src/options/parse.js';
import { connectRaw } from '../support/clients/raw-http.js';
import { within } from '../support/eventually.js';

it('a server that closes waits neither for connections that have sent nothing nor for an API server that is down', async t => {
  const { options } = parseOptions({ argv: ['--server=http://127.0.0.1:1'], env: {} });
  const logger = createLogger({ level: 'silent', format: 'json' });
  const program = await createProgram(options, {
    ...{ env: {}, homedir: '/nowhere', version: '1.0.0', nodeVersion: process.version, logger },
  });
  assert.ok('app' in program);
  const { app } = program;
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as net.AddressInfo;
  const answered = await connectRaw(port);
  answered.write('GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await answered.until(/^HTTP\/1\.1 503 [\s\S]*\}$/);
  const unused = net.connect(port);
  t.after(async () => {
    for (const client of [answered, unused]) client.destroy();
    await program.close();
  });
  await once(app.server, 'connection');
  await within('the end of the server', app.close());
  await Promise.all([answered.untilClosed(), once(unused.resume(), 'close')]);
});
