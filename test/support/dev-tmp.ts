import { startFakeApiServer } from './fake-api-server.js';
import { writeKubeconfig } from './kubeconfig-file.js';

const s = await startFakeApiServer({});
const k = await writeKubeconfig(
  {
    server: s.url,
    ca: s.authority.certificate,
    certificate: s.clientCertificate.certificate,
    key: s.clientCertificate.key,
  },
  { directory: '/tmp/dev' },
);
console.log(k.path, s.url);
