import type { FakeApiServerOptions } from './fake-api-server.js';
import { type Stack, startStack } from './stack.js';

/** A stack that is closed by hand. */
export interface ProxiedApiServer extends Stack {
  /** Stops both. */
  close(): Promise<void>;
}

/** Starts an embedded API server and the built program in front of it; `cluster` adds to the kubeconfig's cluster. */
export async function startProxiedApiServer(
  options: FakeApiServerOptions = {},
  flags: readonly string[] = [],
  cluster: Readonly<Record<string, unknown>> = {},
): Promise<ProxiedApiServer> {
  let close: () => unknown = () => {};
  const scope = {
    after(cleanup: () => unknown) {
      close = cleanup;
    },
  };
  const stack = await startStack(scope, { server: options, flags, cluster });
  return {
    ...stack,
    async close() {
      await close();
    },
  };
}
