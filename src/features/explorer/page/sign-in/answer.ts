/** The address at which this document was loaded, without its query and fragment. */
export const arrivedAt = location.origin + location.pathname;

/**
 * The answer with which an issuer sent the browser back; undefined without one. It leaves the address bar before any other code of the page
 * runs, because it contains a code. So does the last segment of an issuer's redirect URI.
 */
export const answer = takeAnswer();

function takeAnswer(): URLSearchParams | undefined {
  const query = new URLSearchParams(location.search);
  const page = location.pathname.replace(/[^/]*$/, '');
  if (location.search !== '' || location.pathname !== page)
    history.replaceState(null, '', page + location.hash);
  return ['code', 'state', 'error'].some(name => query.has(name)) ? query : undefined;
}
