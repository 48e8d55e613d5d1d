import { loadCertificateAuthority } from '../../certificates/certificate-authority.js';
import { issuerProblem } from '../../lib/issuer-url.js';
import { readWhole } from '../../lib/read-file.js';
import type { Path } from '../../lib/yaml-document.js';
import type { ContentOf, FileFormat, Report } from '../common/configuration-file/parse.js';
import type { Expression, Variable } from './expressions.js';
import type { ClaimMapping, Rule, Source } from './mapping.js';

const claimOrExpression = { claim: 'a string', expression: 'a string' } as const;
const prefixed = { ...claimOrExpression, prefix: 'a string' } as const;
const rule = { expression: 'a string', message: 'a string' } as const;

/** The API server's file of issuers. */
export const authenticationFile = {
  kind: 'AuthenticationConfiguration',
  versions: ['v1', 'v1beta1'],
  fields: {
    jwt: [
      {
        issuer: {
          url: 'a string',
          discoveryURL: 'a string',
          certificateAuthority: 'a string',
          audiences: ['a string'],
          audienceMatchPolicy: 'a string',
        },
        claimValidationRules: [{ ...rule, claim: 'a string', requiredValue: 'a string' }],
        claimMappings: {
          username: prefixed,
          groups: prefixed,
          uid: claimOrExpression,
          extra: [{ key: 'a string', valueExpression: 'a string' }],
        },
        userValidationRules: [rule],
      },
    ],
    anonymous: { enabled: 'true or false', conditions: [{ path: 'a string' }] },
  },
} as const satisfies FileFormat;

export type FileContent = ContentOf<typeof authenticationFile.fields>;
type JwtContent = NonNullable<FileContent['jwt']>[number];
type ClaimMappings = NonNullable<JwtContent['claimMappings']>;
type ClaimOrExpression = NonNullable<ClaimMappings['uid']>;
/** Where a field of the user comes from. The prefix goes with the claim, and without change before each value. */
export type PrefixedClaimOrExpression = NonNullable<ClaimMappings['username']>;

/** One issuer, which of its tokens are accepted, and how their claims become a user. */
interface JwtAuthenticator extends JwtContent {
  readonly issuer: NonNullable<JwtContent['issuer']> & {
    readonly url: string;
    /** A token must be for one of these. */
    readonly audiences: readonly string[];
  };
  readonly claimMappings: ClaimMappings;
}

/** The issuers of a file, or the one that the --oidc-* flags describe. */
export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtAuthenticator[];
}

/** An entry of the configuration that can be used, and its compiled expressions. */
export interface ValidAuthenticator {
  readonly entry: JwtAuthenticator;
  readonly mapping: ClaimMapping;
}

/**
 * Checks a configuration as the API server does (k8s.io/apiserver `pkg/apis/apiserver/validation`), and compiles its expressions. What it
 * reports cannot be used.
 */
export async function validate(
  { jwt }: AuthenticationConfiguration,
  report: Report,
): Promise<readonly ValidAuthenticator[]> {
  const hasExpressions = JSON.stringify(jwt).includes('xpression"');
  // Stryker disable next-line ConditionalExpression: a file without expressions only loads less
  const compiler = hasExpressions ? await import('./expressions.js') : undefined;
  const urls = jwt.map(({ issuer }) => issuer.url);
  const valid: ValidAuthenticator[] = [];
  for (const [index, entry] of jwt.entries()) {
    const path = ['jwt', index];
    await checkIssuer(entry.issuer, [...path, 'issuer'], report);
    if (urls.indexOf(entry.issuer.url) < index)
      report([...path, 'issuer', 'url'], 'is that of another entry');
    valid.push({ entry, mapping: new MappingCompiler(compiler, report).compile(entry, path) });
  }
  return valid;
}

async function checkIssuer(
  {
    url = '',
    discoveryURL = '',
    certificateAuthority = '',
    audiences = [],
    audienceMatchPolicy = '',
  }: JwtAuthenticator['issuer'],
  path: Path,
  report: Report,
): Promise<void> {
  for (const [field, value] of Object.entries({ url, discoveryURL })) {
    if (value === '') {
      if (field === 'url') report([...path, field], 'is missing');
      continue;
    }
    const problem = issuerProblem(value, '');
    if (problem !== undefined) report([...path, field], problem.replace(/^:? /, ''));
  }
  if (certificateAuthority !== '') {
    const source = { data: Buffer.from(certificateAuthority), origin: 'it' };
    const loaded = await loadCertificateAuthority(source, readWhole);
    if ('problems' in loaded) report([...path, 'certificateAuthority'], 'has no certificate');
  }
  if (audiences.length === 0) report([...path, 'audiences'], 'is missing');
  for (const [index, audience] of audiences.entries()) {
    if (audience === '') report([...path, 'audiences', index], 'is empty');
  }
  if (!['', 'MatchAny'].includes(audienceMatchPolicy))
    report([...path, 'audienceMatchPolicy'], 'is not MatchAny');
}

type Compiler = Pick<typeof import('./expressions.js'), 'compileExpression'>;

/** `IsDomainPrefixedPath` of k8s.io/apimachinery: a DNS name, a slash, and a path. */
const extraKey =
  /^(?=[^/]{1,253}\/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** Compiles the mappings and rules of one entry, and reports what is wrong with them. */
class MappingCompiler {
  readonly #compiler: Compiler | undefined;
  readonly #report: Report;

  constructor(compiler: Compiler | undefined, report: Report) {
    this.#compiler = compiler;
    this.#report = report;
  }

  compile(
    { claimMappings, claimValidationRules = [], userValidationRules = [] }: JwtAuthenticator,
    path: Path,
  ) {
    const at = [...path, 'claimMappings'];
    const claimRules = this.#rules(claimValidationRules, [...path, 'claimValidationRules'], 'claims');
    const { username = {}, groups, uid, extra = [] } = claimMappings;
    const mapping: ClaimMapping = {
      username: this.#prefixed(username, [...at, 'username'], true) ?? { claim: '', prefix: '' },
      groups: groups && this.#prefixed(groups, [...at, 'groups'], false),
      uid: uid && this.#source(uid, [...at, 'uid'], false),
      extra: this.#extra(extra, [...at, 'extra']),
      requiredClaims: new Map(
        claimValidationRules.flatMap(({ claim = '', requiredValue = '' }) =>
          claim === '' ? [] : [[claim, requiredValue]],
        ),
      ),
      claimRules,
      userRules: this.#rules(userValidationRules, [...path, 'userValidationRules'], 'user'),
    };
    this.#checkEmail(mapping, [...at, 'username', 'expression']);
    return mapping;
  }

  /** A name by `claims.email` is anybody's who may write an address there, unless something looks at `claims.email_verified`. */
  #checkEmail({ username, extra, claimRules }: ClaimMapping, path: Path): void {
    if (!('text' in username) || !username.selectsClaim('email')) return;
    const all = [
      username,
      ...extra.map(({ value }) => value),
      ...claimRules.map(({ expression }) => expression),
    ];
    if (all.some(expression => expression.selectsClaim('email_verified'))) return;
    this.#report(
      path,
      'uses claims.email, so it, an extra valueExpression or a claimValidationRules expression must use claims.email_verified',
    );
  }

  #prefixed(source: PrefixedClaimOrExpression, path: Path, isRequired: boolean): Source | undefined {
    const { claim = '', expression = '', prefix } = source;
    if (claim !== '' && expression === '' && prefix === undefined) {
      this.#report([...path, 'prefix'], 'is missing; it may be an empty string');
    }
    if (expression !== '' && claim === '' && prefix !== undefined) {
      this.#report([...path, 'prefix'], 'cannot be there with an expression');
    }
    return this.#source(source, path, isRequired);
  }

  #source(
    { claim = '', expression = '', prefix = '' }: ClaimOrExpression & { readonly prefix?: string },
    path: Path,
    isRequired: boolean,
  ): Source | undefined {
    if (claim !== '' && expression !== '') {
      this.#report(path, 'has both a claim and an expression');
    } else if (claim !== '') {
      return { claim, prefix };
    } else if (expression !== '') {
      return this.#expression(expression, [...path, 'expression'], 'claims');
    } else if (isRequired) {
      this.#report(path, 'needs a claim or an expression');
    }
    return undefined;
  }

  #extra(extra: NonNullable<ClaimMappings['extra']>, path: Path): ClaimMapping['extra'] {
    const keys = extra.map(({ key = '' }) => key);
    return extra.flatMap(({ valueExpression = '' }, index) => {
      const key = keys[index] as string;
      const at = [...path, index, 'key'];
      if (!extraKey.test(key)) this.#report(at, 'is not a DNS name, a slash and a path');
      else if (key !== key.toLowerCase()) this.#report(at, 'has capital letters');
      else if (/^(?:[^/]*\.)?(?:k8s|kubernetes)\.io\//.test(key))
        this.#report(at, 'is reserved for Kubernetes');
      if (keys.indexOf(key) < index) this.#report(at, 'is there twice');
      const value = this.#required(valueExpression, [...path, index, 'valueExpression'], 'claims');
      return value === undefined ? [] : [{ key, value }];
    });
  }

  #rules(
    rules: readonly (ClaimOrExpression & { readonly requiredValue?: string; readonly message?: string })[],
    path: Path,
    variable: Variable,
  ): readonly Rule[] {
    return rules.flatMap(({ claim = '', expression = '', requiredValue = '', message = '' }, index) => {
      const at = [...path, index];
      if (claim !== '') {
        if (expression !== '') this.#report(at, 'has both a claim and an expression');
        if (rules.findIndex(other => other.claim === claim) < index)
          this.#report([...at, 'claim'], 'is there twice');
        return [];
      }
      if (requiredValue !== '') this.#report([...at, 'requiredValue'], 'needs a claim');
      const compiled = this.#required(expression, [...at, 'expression'], variable, true);
      return compiled === undefined ? [] : [{ expression: compiled, message }];
    });
  }

  #required(text: string, path: Path, variable: Variable, isRule = false): Expression | undefined {
    if (text !== '') return this.#expression(text, path, variable, isRule);
    this.#report(path, 'is missing');
    return undefined;
  }

  #expression(text: string, path: Path, variable: Variable, isRule = false): Expression | undefined {
    try {
      return this.#compiler?.compileExpression(text, variable, { isRule });
    } catch (error) {
      if ((error as Error).name !== 'ExpressionError') throw error;
      this.#report(path, 'cannot be used', `: ${JSON.stringify(text)}: ${(error as Error).message}`);
      return undefined;
    }
  }
}
