/** The arguments of a program under test, with a free port unless they say where to listen. */
export function withListener(args: readonly string[]): readonly string[] {
  return args.some(arg => /^(-p|--port|-u|--unix-socket)/.test(arg)) ? args : ['--port=0', ...args];
}

/** The environment of a program under test, without the KUBECONFIG and KUBE_API_PROXY_* of the person who runs the tests. */
export function environmentOf(env: Readonly<Record<string, string>>): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME, ...env };
}
