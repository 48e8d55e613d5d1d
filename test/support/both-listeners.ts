import { type ProxyProcess, startProxy } from './proxy.js';
import type { Scope } from './scope.js';
import { createServingFiles } from './serving-files.js';
import type { StrictUpstream } from './strict-upstream.js';

/** Two processes of the built program, with one API server. */
export interface BothListeners {
  /** Serves plain HTTP. */
  readonly plain: ProxyProcess;
  /** Serves TLS. */
  readonly secure: ProxyProcess;
  /** PEM of the authority of the serving certificate, for clients. */
  readonly ca: string;
}

/** Starts both programs. They end with the scope, and the upstream ends after them. */
export async function startBothListeners(scope: Scope, upstream: StrictUpstream): Promise<BothListeners> {
  const files = await createServingFiles();
  const kubeconfig = await upstream.writeKubeconfig();
  const flag = `--kubeconfig=${kubeconfig.path}`;
  const started = Promise.all([startProxy([flag]), startProxy([flag, ...files.flags])]);
  scope.after(async () => {
    for (const proxy of await started) await proxy.stop('SIGKILL');
    await upstream.stop();
    await kubeconfig.remove();
    await files.remove();
  });
  const [plain, secure] = await started;
  return { plain, secure, ca: files.authority.certificate };
}
