const pod = '/api/v1/namespaces/default/pods/web-0';

/** The plain spelling of the requests that the default filter rejects. */
export const execPath = `${pod}/exec`;

/** Targets that the API server, or a server behind it, could read as exec: rejected with a 403. */
export const refusedSpellings: readonly string[] = [
  ...[execPath, `${pod}/attach`, `${pod}/attach?container=web`, `${pod}/exec?command=id&stdout=true`],
  ...[`${pod}/exec?x#y`, `${pod}/exec?/../../log`, `${pod}/exec/`, `${pod}/exec//`, `${pod}/exec%2f`],
  ...[`${pod}/%65xec`, `${pod}/e%78ec`, `${pod}/%65%78%65%63`, `${pod}/%61ttach`, `${pod}%2fexec`],
  ...[`///${execPath}`, `/%2f${execPath}`, '/api//v1/namespaces/default/pods/web-0/exec'],
  '/%61%70%69/v1/namespaces/default/%70ods/web-0/exec',
  ...['//api/%2fv1/namespaces/default//pods%2fweb-0/%65xec//', `${pod}%5cexec`, `${pod}%5Cexec`],
  ...[`${pod}/exec;x`, `${pod}/exec;x=/y`, `${pod}/exec%3bx`, `${pod}/exec%3f`, `${pod}/exec%3fx=y`],
  ...['/api/v1/namespaces/default/pods/%ff%fe/exec', '/api/v1/namespaces/default/pods/%e2%80%a8/exec'],
];

/** Targets that are ambiguous or malformed: rejected with a 400, whatever the filter is. */
export const ambiguousSpellings: readonly string[] = [
  ...[`${pod}/./exec`, `${pod}/exec/.`, `${pod}/exec/..`, `${pod}/log/../exec`, `/version/..${execPath}`],
  ...[`${pod}/log/%2E%2E/exec`, `${pod}/log/%2E./exec`, `${pod}/log/.%2e/exec`, `${pod}/log%2f..%2fexec`],
  ...['\\api\\v1\\namespaces\\default\\pods\\web-0\\exec', `\\${execPath}`, `${pod}/exec#`],
  ...[`${pod}/log#/../exec`, `/#${execPath}`, `${pod}/exec%`, `${pod}/exec%6`, `${pod}/%zzexec`],
  ...['/api/v1/namespaces/default%0a/pods/web-0/exec', '/api/v1/namespaces/default%0d/pods/web-0/exec'],
  ...[`${pod}/exec\xff`, `${pod}/\xc5\xbfexec`, '/api/v1/namespaces/default/pods/\xe9\xa9/exec'],
  ...[`http://127.0.0.1${execPath}`, `HTTP://127.0.0.1${execPath}`],
  ...[`https://user:secret@127.0.0.1${execPath}`, 'http://127.0.0.1/version', '*'],
];

/** Targets that no server reads as exec: they pass unchanged. */
export const harmlessSpellings: readonly string[] = [
  ...[`${pod}/%45xec`, `${pod}/EXEC`, `${pod}/%2565xec`, `${pod}/%25%36%35xec`, `${pod}%252fexec`],
  ...[`${pod}/%c1%a5xec`, `${pod}%c0%afexec`, `${pod}/log/%c0%ae%c0%ae/xec`, `/version?path=${execPath}`],
  ...['/version?a=1#/exec', '/version?a=%0d%0aX-Injected:%201'],
];

/** Whether the API server, which decodes once and ignores slashes at the ends, reads the target as exec or attach of a pod. */
export function isExec(target: string): boolean {
  const path = target
    .replace(/\?.*$/, '')
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /^\/*api\/+v1\/+namespaces\/+[^/]+\/+pods\/+[^/]+\/+(exec|attach)(\/|$)/.test(
    path.replace(/\\/g, '/'),
  );
}
