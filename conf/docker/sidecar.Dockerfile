# mcp-tenant, for conf/k8s.  In the folder of the sources:
#     docker build -f conf/docker/sidecar.Dockerfile -t mcp-tenant:0.1.0 .

FROM debian:12-slim AS build

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
       --no-install-recommends gcc libc6-dev libcurl4-openssl-dev \
       libjansson-dev libmicrohttpd-dev libssl-dev libyaml-dev make

COPY . /src
RUN make -C /src cli


FROM debian:12-slim

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
       --no-install-recommends ca-certificates libcurl4 libjansson4 \
       libmicrohttpd12 libssl3 libyaml-0-2 \
    && rm -rf /var/lib/apt/lists/*

COPY --from=build /src/build/mcp-tenant /usr/local/bin/

# Without one of its libraries it fails here, not in the cluster.
RUN mcp-tenant --version

USER 10001:10001
EXPOSE 8082

ENTRYPOINT ["mcp-tenant"]
