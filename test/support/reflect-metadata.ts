const metadata = new WeakMap<object, Map<unknown, unknown>>();

function getOwnMetadata(key: unknown, target: object): unknown {
  return metadata.get(target)?.get(key);
}

function getMetadata(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
    const own = getOwnMetadata(key, at);
    if (own !== undefined) return own;
  }
  return undefined;
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const entries = metadata.get(target) ?? new Map<unknown, unknown>();
  metadata.set(target, entries.set(key, value));
}

// @peculiar/x509 refuses to load without the class-level part of the decorator metadata API, and brings none itself.
if (!('getMetadata' in Reflect)) {
  Object.assign(Reflect, {
    getMetadata,
    getOwnMetadata,
    defineMetadata,
    hasOwnMetadata: (key: unknown, target: object) => getOwnMetadata(key, target) !== undefined,
  });
}
