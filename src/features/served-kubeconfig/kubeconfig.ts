import { setImmediate } from 'node:timers/promises';
import type { CallerEntry } from '../../kubeconfig/types.js';
import { kubeconfigYaml, printable } from '../common/kubeconfig-yaml.js';
import type { KubeconfigFacts } from './facts.js';

const sharedUser = 'kube-api-proxy';

/** Entries of one list that are written in one turn of the event loop. */
const entriesAtOnce = 50;

/** A kubeconfig as YAML, which kubectl reads. Requests go on while it is written: it may have hundreds of contexts. */
export async function kubeconfigOf(facts: KubeconfigFacts): Promise<string> {
  const { address, authority, users } = facts;
  // A lone half of a surrogate pair is no character: kubectl would reject the whole file.
  const contexts = facts.contexts.map(({ name, namespace, ...others }) => ({
    ...others,
    name: name.toWellFormed(),
    namespace: namespace.toWellFormed(),
  }));
  const isSecure = address.startsWith('https:');
  const user = isSecure ? chooseUser(users) : undefined;
  const userOf = ({ name, hasUsersOfRoot }: (typeof contexts)[number]) => {
    if (user?.isPerCluster !== true) return sharedUser;
    return hasUsersOfRoot ? (contexts[0]?.name ?? name) : name;
  };
  const userNames = user === undefined ? [] : [...new Set(contexts.map(userOf))];
  // Over http:// there is no certificate. @kubernetes/client-node connects only if the file says that it checks none.
  const verification = isSecure ? authorityData(authority) : { 'insecure-skip-tls-verify': true };
  const parts = [
    printable(`${commentsOf(facts, user).join('\n').replace(/^/gm, '# ')}\n\n`),
    kubeconfigYaml({ apiVersion: 'v1', kind: 'Config' }),
    ...(await list('clusters', contexts, ({ name, path }) => {
      return { name, cluster: { server: address + path, ...verification } };
    })),
    ...(await list('users', userNames, name => ({ name, user: user?.fields }))),
    ...(await list('contexts', contexts, context => ({
      name: context.name,
      context: {
        cluster: context.name,
        ...(user !== undefined && { user: userOf(context) }),
        ...(context.namespace !== '' && { namespace: context.namespace }),
      },
    }))),
    kubeconfigYaml({ 'current-context': contexts[0]?.name }),
  ];
  return parts.join('');
}

/** A list as YAML, in parts. */
async function list<T>(
  key: string,
  items: readonly T[],
  entryOf: (item: T) => object,
): Promise<readonly string[]> {
  if (items.length === 0) return [kubeconfigYaml({ [key]: [] })];
  const parts = [`${key}:\n`];
  for (let from = 0; from < items.length; from += entriesAtOnce) {
    const entries = items.slice(from, from + entriesAtOnce).map(entryOf);
    const text = kubeconfigYaml({ [key]: entries });
    // The key is on the first line.
    parts.push(text.slice(text.indexOf('\n') + 1));
    await setImmediate();
  }
  return parts;
}

function authorityData(authority: string | undefined): object {
  if (authority === undefined) return {};
  return { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
}

/** The order of users: first one who needs nothing else, then one that works for every client. */
function chooseUser(users: readonly CallerEntry[]): CallerEntry {
  return (
    users.find(({ isComplete }) => isComplete) ??
    users.at(-1) ?? { fields: noCredential, isComplete: true, isPerCluster: false }
  );
}

function commentsOf(
  { authority, users, isForStranger }: KubeconfigFacts,
  user: CallerEntry | undefined,
): readonly string[] {
  const comments = [
    'For kubectl and other clients of this kube-api-proxy: kubectl --kubeconfig FILE get pods',
    ...(isForStranger
      ? ['It was requested without a credential. With a credential, it may contain more contexts.']
      : []),
  ];
  if (user === undefined) {
    comments.push('It contains no user, because kubectl sends no credential over http://.');
    comments.push(
      'insecure-skip-tls-verify changes nothing over http://; some clients require it. With TLS, remove it.',
    );
    if (users.length > 0) {
      comments.push('This proxy answers 401 without a credential: use an address that begins with https://.');
    }
    return comments;
  }
  if (authority === undefined) {
    comments.push(
      "The proxy does not know the authority of its certificate: clients use their system's authorities.",
    );
  }
  if (users.length === 0) {
    comments.push(
      'Callers need not authenticate, but kubectl requires a credential over https://. This key is public, and kubectl does not send it.',
    );
  } else if (!user.isComplete) {
    const whose = user.isPerCluster ? ' with your credential for each cluster' : '';
    comments.push(`Replace the words in capitals${whose}.`);
  }
  for (const { note } of users) if (note !== undefined) comments.push(note);
  const others = users.filter(other => other !== user);
  return [
    ...comments,
    ...others.map(
      ({ fields }) => `A user can have these fields instead:\n${kubeconfigYaml(fields).trimEnd()}`,
    ),
  ];
}

/**
 * A kubeconfig user without a credential that matters. Over https, kubectl prompts for a user name unless the entry has a credential
 * (clientcmd, `canIdentifyUser`). A token or a password would go to the API server in place of the proxy's own credential. A client
 * certificate is sent only to servers that ask for one. The key is not secret: it is published here, and nobody trusts the certificate.
 */
const noCredential = {
  'client-certificate-data': pem(
    'CERTIFICATE',
    'MIHzMIGmoAMCAQICAQEwBQYDK2VwMBExDzANBgNVBAMMBm5vYm9keTAgFw0yNjExMjUxOTMyNDNaGA8yMTI2MTEwMT' +
      'E5MzI0M1owETEPMA0GA1UEAwwGbm9ib2R5MCowBQYDK2VwAyEA8A7MXJQnOI427QCHdNBCeyw64hua0JulKsMoUR4g' +
      'GTqjITAfMB0GA1UdDgQWBBS7jbPUEXGZ2X6uXa/5H4EDML2GXzAFBgMrZXADQQDOXmgir3VZBBiSwH2lccYNOXtsX0' +
      'S05wGaYJRn247CeGx5Xr5Ph71Zv54TM18IVouECrwXRpnXO8YX/BuVUWED',
  ),
  'client-key-data': pem('PRIVATE KEY', 'MC4CAQAwBQYDK2VwBCIEIFLG+bmXkmsoZJe5idGMpe1OvRqQ6TQxZzJ/DONKLZ2Y'),
};

function pem(type: string, base64: string): string {
  return Buffer.from(`-----BEGIN ${type}-----\n${base64}\n-----END ${type}-----\n`).toString('base64');
}
