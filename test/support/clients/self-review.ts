/** The path at which an API server says who somebody is for it. */
export const selfReviewPath = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

/** The body of that question, in JSON. */
export const selfReview = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}';
