import { Document, stringify } from 'yaml';
import type { CallerEntry } from '../kubeconfig/types.js';
import { noCredential } from './no-credential.js';

/** What a context of the kubeconfig leads to. */
export interface KubeconfigContext {
  readonly name: string;
  /** Path below the address, percent-encoded; empty, or with a slash at its beginning and none at its end. */
  readonly path: string;
  /** Empty for none. */
  readonly namespace: string;
}

/** What a kubeconfig for this proxy says. */
export interface KubeconfigFacts {
  /** URL of the proxy without a slash at its end. */
  readonly address: string;
  /** The first one is the current context. */
  readonly contexts: readonly KubeconfigContext[];
  /** PEM of the authority of the proxy's certificate; undefined if it is not known. */
  readonly authority: string | undefined;
  /** One for each method of authentication that is on. */
  readonly users: readonly CallerEntry[];
  /** Whether contexts may be missing, because nobody knows who asks. */
  readonly isForStranger: boolean;
}

const sharedUser = 'kube-api-proxy';

/**
 * A kubeconfig as YAML. Every text is in double quotes: kubectl reads YAML 1.1, where more words than in 1.2 are no texts (`yes`, `0o7`).
 */
export function kubeconfigOf(facts: KubeconfigFacts): string {
  const { address, authority, users } = facts;
  const contexts = facts.contexts.map(({ name, path, namespace }) => ({
    ...{ name: wellFormed(name), path, namespace: wellFormed(namespace) },
  }));
  const isSecure = address.startsWith('https:');
  const user = isSecure ? chooseUser(users) : undefined;
  const userOf = ({ name }: { readonly name: string }) => (user?.isPerCluster === true ? name : sharedUser);
  const userNames = user === undefined ? [] : [...new Set(contexts.map(userOf))];
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: contexts.map(({ name, path }) => ({
      name,
      cluster: {
        server: address + path,
        ...(isSecure &&
          authority !== undefined && {
            'certificate-authority-data': Buffer.from(authority).toString('base64'),
          }),
      },
    })),
    users: userNames.map(name => ({ name, user: user?.fields })),
    contexts: contexts.map(context => ({
      name: context.name,
      context: {
        cluster: context.name,
        ...(user !== undefined && { user: userOf(context) }),
        ...(context.namespace !== '' && { namespace: context.namespace }),
      },
    })),
    'current-context': contexts[0]?.name,
  };
  // Each user is filled in by itself, so none may be an alias of another.
  const document = new Document(config, { aliasDuplicateObjects: false });
  document.commentBefore = commentsOf(facts, user).join('\n').replace(/^/gm, ' ');
  return printable(document.toString(style));
}

const style = { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' } as const;

/** Without halves of surrogate pairs, which are no characters: kubectl would reject the whole file. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** Characters that YAML 1.1 takes for line breaks or does not allow; the library leaves them as they are. All are in double quotes. */
const unprintable = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

function printable(yaml: string): string {
  return yaml.replace(
    unprintable,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A user who needs nothing else comes first; then the one that every client can be. */
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
      ? ['It was asked for without a credential: with one, there may be more contexts.']
      : []),
  ];
  if (user === undefined) {
    comments.push('There is no user: kubectl sends no credential over http://.');
    if (users.length > 0) {
      comments.push('This proxy answers 401 without a credential: use an address that begins with https://.');
    }
    return comments;
  }
  if (authority === undefined) {
    comments.push(
      'The authority of the certificate is not known here: clients use the authorities of their system.',
    );
  }
  if (users.length === 0) {
    comments.push(
      'No caller has to authenticate, but kubectl wants a credential over https://: the key is public, and nothing is sent.',
    );
  } else if (!user.isComplete) {
    const whose = user.isPerCluster ? ', for each cluster as it knows you' : '';
    comments.push(`Fill in the words in capitals${whose}.`);
  }
  const others = users.filter(other => other !== user);
  return [
    ...comments,
    ...others.map(({ fields }) => `Or a user has these fields:\n${stringify(fields, style).trimEnd()}`),
  ];
}
