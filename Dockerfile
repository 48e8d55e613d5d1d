# The base is pinned here and nowhere else; add a digest (node:…@sha256:…) to pin it to the byte.
ARG NODE_IMAGE=node:22.23.3-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN ["npm", "ci", "--ignore-scripts"]
COPY tsconfig.json LICENSE README.md ./
COPY src ./src
COPY deploy/release ./deploy/release
RUN ["npm", "run", "build"]
# The whole image: Node, the libraries that it is linked with, the package, and two files of the C library. The proxy's user needs a
# home; names are looked up in /etc/hosts first.
RUN mkdir -p /image/etc \
  && cp --dereference --parents /usr/local/bin/node $(ldd /usr/local/bin/node | grep -o '/[^ ]*') /image \
  && cp -R build/package /image/app \
  && echo 'kube-api-proxy:x:65532:65532::/:/nonexistent' > /image/etc/passwd \
  && echo 'hosts: files dns' > /image/etc/nsswitch.conf
# Node's compile cache saves a fifth of the CPU time of a start. Its key is the version of Node, the user, the path and the flags, so
# the program fills it as it will run. Then it is root's: the program cannot change its own code, and another user starts without it.
# One time for every file, so that the same sources give the same layer, but for a few bytes of the code that V8 compiles.
ARG SOURCE_DATE_EPOCH=0
RUN mkdir /image/app/compile-cache \
  && chown 65532:65532 /image/app/compile-cache \
  && NODE_COMPILE_CACHE=/app/compile-cache chroot --userspec=65532:65532 /image \
    /usr/local/bin/node --disable-sigusr1 --v8-pool-size=1 /app/dist/main.js --version \
  && chown -R root:root /image/app/compile-cache \
  && chmod -R u=rwX,go=rX /image/app/compile-cache \
  && find /image -exec touch --date="@${SOURCE_DATE_EPOCH}" {} +

# Without a base: no shell, no package manager, nothing that has to be kept up to date but Node and Debian's C and C++ libraries.
FROM scratch
ARG REVISION=""
LABEL org.opencontainers.image.title="kube-api-proxy" \
  org.opencontainers.image.description="An always-on, observable kubectl proxy: plain HTTP in, a kubeconfig's credentials out to the Kubernetes API server." \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compile-cache
WORKDIR /app
# By number, so that Kubernetes can verify runAsNonRoot. Nothing is written: a read-only root file system is fine.
USER 65532:65532
EXPOSE 8001
# Node itself is process 1: it handles SIGTERM, and no shell or init stands before it. V8's helper threads, of which one is enough,
# are 2 MB each under load. One process, one core: scale by replicas. Node before 22.14 has no --disable-sigusr1, which keeps a signal
# from opening the inspector.
ENTRYPOINT ["/usr/local/bin/node", "--disable-sigusr1", "--v8-pool-size=1", "/app/dist/main.js"]
