/**
 * Fields of the messages that this server reads and writes as protobuf, as `NAME:TYPE` by field number. Types: s string, i varint, or a
 * message; `[T` is a repeated field, `{T` a map with string keys. Numbers are those of the
 * published generated.proto files of k8s.io/api and k8s.io/apimachinery. `kubectl auth` sends the reviews, and tests watch the rest.
 */
export const messages: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  TypeMeta: { 1: 'apiVersion:s', 2: 'kind:s' },
  ObjectMeta: {
    1: 'name:s',
    3: 'namespace:s',
    5: 'uid:s',
    6: 'resourceVersion:s',
    11: 'labels:{s',
    12: 'annotations:{s',
    14: 'finalizers:[s',
  },
  ConfigMap: { 1: 'metadata:ObjectMeta', 2: 'data:{s' },
  SelfSubjectReview: { 1: 'metadata:ObjectMeta' },
  SelfSubjectAccessReview: { 1: 'metadata:ObjectMeta', 2: 'spec:SelfSubjectAccessReviewSpec' },
  SelfSubjectAccessReviewSpec: {
    1: 'resourceAttributes:ResourceAttributes',
    2: 'nonResourceAttributes:NonResourceAttributes',
  },
  ResourceAttributes: {
    1: 'namespace:s',
    2: 'verb:s',
    3: 'group:s',
    4: 'version:s',
    5: 'resource:s',
    6: 'subresource:s',
    7: 'name:s',
  },
  NonResourceAttributes: { 1: 'path:s', 2: 'verb:s' },
  SelfSubjectRulesReview: { 1: 'metadata:ObjectMeta', 2: 'spec:SelfSubjectRulesReviewSpec' },
  SelfSubjectRulesReviewSpec: { 1: 'namespace:s' },
  PartialObjectMetadata: { 1: 'metadata:ObjectMeta' },
  Status: { 2: 'status:s', 3: 'message:s', 4: 'reason:s', 6: 'code:i' },
};
