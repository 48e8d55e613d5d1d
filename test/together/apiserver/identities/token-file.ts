import { tokenProtocol } from '../../../support/clients/header-lines.js';
import { bearer, type Credential } from './credential.js';
import { type Difference, differences } from './differences.js';

/** A record that the gateway does not start with. */
export const recordOfTheApiServer = 'of-nobody,,9\n';

/** A token file for both. */
export const tokenFile = [
  ...['of-alice,alice,1001,"dev,test"', 'three-columns,bob,\r', '', 'more-columns,carol,3,dev,test,more'],
  ...['"quo""ted","Dave ""D"" Doe","4","dev"', '"with,comma",erin,5,"dev, of ""Erin"""'],
  ...['line-break,"frank\nford",6', 'tökén,Zoë Žižek,7,"größe,日本"', 'voilà,olga,7', ' in-spaces ,grace,8'],
  ...[',heidi,9', 'of-two,ivan,10,"dev"', 'of-two,judy,11,"ops"', 'no-groups,kim,12,""'],
  ...['odd-groups,leo,13,"ops,,dev,ops,"', 'spaces-in-groups,mia,14,"dev, ops"', 'spaces-in-name, nia,15'],
  ...['spaces-in-uid,oto,16 ', 'authenticated,pia,17,"system:authenticated,dev"'],
  ...['unauthenticated,quinn,18,system:unauthenticated', 'masters,rita,19,"dev,system:masters"'],
  ...['kubeadm,sam,20,kubeadm:cluster-admins', 'system-name,system:kube-scheduler,21'],
  ...['account,system:serviceaccount:default:default,22', 'anonymous,system:anonymous,23'],
  ...["apostrophes,'tom',24,'dev,ops'", '# comment,uma,25', 'wide\u3000space,wes,27'],
  ...['joined\ufeffby-nothing,xan,28', 'last,vic,26,dev\r'],
].join('\n');

/** Token files that neither of them starts with. */
export const badTokenFiles = [
  ['a quote in the middle of a field', 'one,al"ice,1\n'],
  ['a quote that is not closed', 'one,"alice,1\ntwo,bob,2\n'],
  ['text after a quote', '"one"two,alice,1\n'],
  ['a space before a quote', 'one,alice,1, "dev"\n'],
  ['two columns', 'one,alice,1\ntwo,bob\n'],
  ['a line with a space alone', 'one,alice,1\n \n'],
] as const;

/** Tokens of the file. */
export const tokensOfTheFile: readonly Credential[] = [
  bearer('of a user with a uid and groups', 'of-alice', 'alice'),
  bearer('of a record of three columns, in a line with a carriage return', 'three-columns', 'bob'),
  bearer('of a record of six columns', 'more-columns', 'carol'),
  bearer('with a quote in it', 'quo"ted', 'Dave "D" Doe'),
  bearer('with a comma in it', 'with,comma', 'erin', differences.unsendable),
  bearer('of a user whose name has two lines', 'line-break', 'frank\nford', differences.unsendable),
  bearer('in UTF-8, of a user with other letters', 'tökén', 'Zoë Žižek'),
  {
    ...bearer('in ISO 8859-1, which is not that of the file', '', undefined),
    authorization: ['Bearer tökén'],
  },
  bearer('that ends with the byte of a space in ISO 8859-1', 'voilà', 'olga'),
  bearer('without the spaces that it has in the file', 'in-spaces', undefined),
  bearer('with an ideographic space', 'wide\u3000space', 'wes', differences.spaces),
  bearer('with a zero width no-break space', 'joined\ufeffby-nothing', 'xan'),
  bearer('that two records have', 'of-two', 'judy'),
  bearer('of a user with an empty group', 'no-groups', 'kim', differences.groups),
  bearer('of a user with groups that are empty or twice there', 'odd-groups', 'leo', differences.groups),
  bearer('of a user with a space before a group', 'spaces-in-groups', 'mia', differences.unsendable),
  bearer('of a user with a space before the name', 'spaces-in-name', ' nia', differences.unsendable),
  bearer('of a user with a space after the uid', 'spaces-in-uid', 'oto', differences.unsendable),
  bearer('of a user in system:authenticated', 'authenticated', 'pia'),
  bearer('of a user in system:unauthenticated', 'unauthenticated', 'quinn', differences.anonymous),
  bearer('of a user in system:masters', 'masters', 'rita', differences.reserved),
  bearer('of a user in a group of kubeadm', 'kubeadm', 'sam', differences.reserved),
  bearer('of a user of the system', 'system-name', 'system:kube-scheduler', differences.reserved),
  bearer(
    'of a service account',
    'account',
    'system:serviceaccount:default:default',
    differences.reservedAccount,
  ),
  bearer('of system:anonymous', 'anonymous', 'system:anonymous', differences.anonymous),
  bearer('of a user in apostrophes', 'apostrophes', "'tom'"),
  bearer('of a record that looks like a comment', '#', undefined),
  bearer('of the last record, with a carriage return after it', 'last', 'vic'),
  bearer('of a user without a name', 'of-nobody', '', differences.nameless),
  bearer('that is in no record', 'unknown', undefined),
  bearer('in other letter case', 'OF-ALICE', undefined),
];

const anonymous = 'system:anonymous';
const { nobody, twoFields, twoWords } = differences;

function fields(
  what: string,
  user: string | undefined,
  authorization: readonly string[],
  ...differs: readonly Difference[]
): Credential {
  return { what, authorization, user, differs };
}

function protocols(
  what: string,
  user: string | undefined,
  offered: readonly string[],
  ...differs: readonly Difference[]
): Credential {
  return { what, protocols: offered.join(', '), user, differs };
}

const channel = 'v5.channel.k8s.io';
const alice = tokenProtocol('of-alice');

/** One token in other forms of Authorization and of subprotocols. */
export const formsOfToken: readonly Credential[] = [
  fields('that is not there', anonymous, [], nobody),
  fields('in lower case', 'alice', ['bearer of-alice']),
  fields('in odd case', 'alice', ['bEARER of-alice']),
  fields('with spaces around the value', 'alice', ['  Bearer of-alice  ']),
  fields('after two spaces', anonymous, ['Bearer  of-alice'], nobody),
  fields('after a tab', anonymous, ['Bearer\tof-alice'], nobody),
  fields('after a space and a tab', undefined, ['Bearer \tof-alice']),
  fields('before another word', 'alice', ['Bearer of-alice more'], twoWords),
  fields('before a comma', undefined, ['Bearer of-alice,']),
  fields('without a scheme', anonymous, ['of-alice'], nobody),
  fields('that is empty', anonymous, ['Bearer'], nobody),
  fields('with the scheme Basic', anonymous, ['Basic b2YtYWxpY2U6'], nobody),
  fields('with the scheme Token', anonymous, ['Token of-alice'], nobody),
  fields('of an empty field', anonymous, [''], nobody),
  fields('before that of another user', 'alice', ['Bearer of-alice', 'Bearer of-two'], twoFields),
  fields('after an unknown one', undefined, ['Bearer unknown', 'Bearer of-alice'], twoFields),
  fields('after a field of Basic', anonymous, ['Basic b2Y6', 'Bearer of-alice'], twoFields),
  fields('before a field of Basic', 'alice', ['Bearer of-alice', 'Basic b2Y6'], twoFields),
  protocols('as the last of two subprotocols', 'alice', [channel, alice]),
  protocols('as the first of two subprotocols', 'alice', [alice, channel]),
  protocols('as the only subprotocol', undefined, [alice]),
  protocols('as a subprotocol, twice', undefined, [channel, alice, alice]),
  protocols('as a subprotocol with padding', undefined, [channel, `${alice}=`]),
  protocols('as a subprotocol that is unknown', undefined, [channel, tokenProtocol('unknown')]),
  protocols('as a subprotocol in upper case', anonymous, [channel, alice.toUpperCase()], nobody),
  { ...protocols('in Authorization of a WebSocket', 'alice', [channel]), authorization: ['Bearer of-alice'] },
  {
    ...protocols('in Authorization and another as a subprotocol', 'judy', [channel, alice], twoWords),
    authorization: ['Bearer of-two'],
  },
  {
    ...protocols('as a subprotocol besides Basic', 'alice', [channel, alice]),
    authorization: ['Basic b2Y6'],
  },
];
