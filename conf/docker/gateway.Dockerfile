# NGINX with the module, for conf/k8s.  In the folder of the sources:
#     docker build -f conf/docker/gateway.Dockerfile -t mcp-gateway:0.1.0 .

FROM debian:12-slim AS build

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
       --no-install-recommends gcc libc6-dev libjansson-dev libssl-dev \
       libyaml-dev make nginx nginx-dev

COPY . /src
RUN make -C /src module


FROM debian:12-slim

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
       --no-install-recommends ca-certificates libjansson4 libyaml-0-2 \
       nginx \
    && rm -rf /var/lib/apt/lists/*

COPY --from=build /src/build/ngx_http_mcp_tenant_module.so \
     /usr/lib/nginx/modules/
COPY conf/mcp_tenant.conf conf/mcp_tenant_http.conf \
     /usr/share/mcp-tenant/conf/

# A module of another NGINX fails here, not in the cluster.
RUN printf 'load_module modules/%s;\nevents {\n}\n' \
           ngx_http_mcp_tenant_module.so > /tmp/nginx.conf \
    && nginx -t -q -c /tmp/nginx.conf \
    && rm /tmp/nginx.conf

USER 10001:10001
EXPOSE 8080 8081

# Requests under way are finished first.
STOPSIGNAL SIGQUIT

ENTRYPOINT ["nginx", "-e", "stderr", "-g", "daemon off;", \
            "-c", "/etc/mcp-gateway/nginx/nginx.conf"]
