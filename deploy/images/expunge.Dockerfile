# All roles, and the command line: docker build -f deploy/images/expunge.Dockerfile -t expunge .
# Runs as a user without rights, on a read-only file system; /tmp may be written to.

FROM node:20-slim AS dependencies
# Temporal's client trusts the authorities of the system, and the slim image has none.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
# Not Temporal's core for other systems and processors.
RUN npm ci --omit=dev --no-audit --no-fund \
 && case "$(uname -m)" in x86_64) core=x86_64-unknown-linux-gnu ;; aarch64) core=aarch64-unknown-linux-gnu ;; *) exit 1 ;; esac \
 && test -d "node_modules/@temporalio/core-bridge/releases/$core" \
 && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$core" -exec rm -rf {} +

# Plain JavaScript, and the workflows in one file: no process makes them anew at each start.
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY build.mjs start.ts worker.ts ./
COPY contracts ./contracts
COPY workflows ./workflows
COPY activities ./activities
COPY store ./store
COPY bus ./bus
COPY bridges ./bridges
COPY api ./api
COPY client ./client
COPY platform ./platform
COPY deploy/policies.yaml ./deploy/policies.yaml
RUN node build.mjs && node build/platform/workflow-bundle.js build/workflows.js

FROM node:20-slim
ENV NODE_ENV=production HEALTH_HOST=0.0.0.0 WORKFLOW_BUNDLE=/app/workflows.js
WORKDIR /app
COPY --from=dependencies /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=dependencies /app/node_modules ./node_modules
COPY LICENSE ./
COPY --from=build /app/build ./
# The image's own user "node".
USER 1000:1000
EXPOSE 8080 8081
ENTRYPOINT ["node", "start.js"]
CMD []
