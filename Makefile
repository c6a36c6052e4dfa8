# The door to everything: building, testing, the demo.  "make help" lists it.
# All output goes to build/; nothing here needs root but "make install" and
# the package set-up of "make test" and "make demo".

NGINX_SRC ?= /usr/share/nginx/src
NGINX ?= /usr/sbin/nginx
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
JOBS ?= $(shell nproc)

# For a source tree that does not bring its distribution's own flags.
NGINX_FLAGS ?= --with-compat --with-threads --with-http_ssl_module \
    --with-http_v2_module --with-http_realip_module \
    --with-http_auth_request_module --with-http_stub_status_module

B = build
OBJ = $(B)/obj
MODULE = $(B)/ngx_http_mcp_tenant_module.so
CLI = $(B)/mcp-tenant

STRICT = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror
INCS = -Ingx_mcp_tenant_module/core -Ik8s-sidecar
LIBS = -lyaml -lcrypto -pthread
SIDECAR_LIBS = -ljansson -lcurl -lmicrohttpd
SANITIZE =

CORE_SRCS := $(wildcard ngx_mcp_tenant_module/core/*.c)
CLI_SRCS := $(wildcard k8s-sidecar/*.c)
UNIT_SRCS := $(wildcard t/unit/*.c)
NGX_SRCS := $(wildcard ngx_mcp_tenant_module/*.[ch] \
    ngx_mcp_tenant_module/core/*.[ch])

CORE_OBJS := $(CORE_SRCS:%.c=$(OBJ)/%.o)
CLI_OBJS := $(CLI_SRCS:%.c=$(OBJ)/%.o)
K8S_SRCS := $(wildcard t/k8s/*.c)
K8S_PROGRAMS := $(K8S_SRCS:%.c=$(OBJ)/%)
UNITS := $(UNIT_SRCS:t/unit/%.c=$(OBJ)/t/unit/%)

COMPILE = $(CC) $(STRICT) $(CFLAGS) $(CPPFLAGS) $(SANITIZE) $(INCS)
LINK = $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS)


.PHONY: all module cli units static crash-points check test test-k8s \
        test-k8s-node conformance bodies soak bench demo valgrind asan \
        style install uninstall clean distclean help force

all: module cli

help:
	@echo 'make                     the module (.so) and the CLI, into build/'
	@echo 'make NGINX_SRC=DIR       the module against that NGINX source tree'
	@echo 'make static NGINX_SRC=DIR   a whole nginx with the module inside'
	@echo 'make check               unit tests only (nothing is installed)'
	@echo 'make test                install what tests need, run everything'
	@echo 'make test-k8s            those with a real Kubernetes, which the first'
	@echo '                         run builds (8 minutes), or with your own:'
	@echo '                         KUBEBUILDER_ASSETS=DIR, TEST_KUBECONFIG=FILE;'
	@echo '                         SCALE=full for 100 servers and 50 edits'
	@echo 'make test-k8s-node       with a real node, too (as root)'
	@echo 'make conformance         the official suites, direct and through'
	@echo 'make bodies              mutated bodies, read as Node reads them:'
	@echo '                         BODIES=1000000 for as many, SEED=N for those'
	@echo 'make demo                a running gateway on 127.0.0.1:8080'
	@echo 'make soak                kills, bursts, reloads: SOAK=long for an hour;'
	@echo '                         BREAK=take|give|... must fail (see README.md)'
	@echo 'make bench               what the gateway costs, beside bare proxy_pass'
	@echo 'make asan                unit tests with ASan and UBSan'
	@echo 'make valgrind            unit tests and t/*.t under valgrind'
	@echo 'make style               the rules a program can check'
	@echo 'make install             into NGINX'"'"'s modules and $(PREFIX)'
	@echo 'make uninstall           take that out again'
	@echo 'make clean               remove what was built'
	@echo 'make distclean           and what was downloaded'
	@echo 'Variables: CC CFLAGS NGINX NGINX_SRC NGINX_FLAGS PREFIX DESTDIR'


# The CLI and the unit tests

cli: $(CLI)

units: $(UNITS)

$(CLI): $(OBJ)/k8s-sidecar/main.o $(OBJ)/sidecar.a $(OBJ)/core.a
	@echo 'ld $@'
	@$(LINK) -o $@ $^ $(SIDECAR_LIBS) $(LIBS)

$(OBJ)/core.a: $(CORE_OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(OBJ)/sidecar.a: $(filter-out %/main.o,$(CLI_OBJS))
	@rm -f $@
	@ar rcs $@ $^

# What the sidecar is made of has tests named sidecar_*.c.
$(OBJ)/t/unit/sidecar_%: $(OBJ)/t/unit/sidecar_%.o $(OBJ)/sidecar.a \
    $(OBJ)/core.a
	@$(LINK) -o $@ $^ $(SIDECAR_LIBS) $(LIBS)

$(OBJ)/t/k8s/%: $(OBJ)/t/k8s/%.o $(OBJ)/sidecar.a $(OBJ)/core.a
	@$(LINK) -o $@ $^ $(SIDECAR_LIBS) $(LIBS)

# A reader of JSON that is not ours, to compare with.
$(OBJ)/t/unit/filter_model: LIBS += -ljansson

$(OBJ)/t/unit/%: $(OBJ)/t/unit/%.o $(OBJ)/core.a
	@$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/t/bench/%: $(OBJ)/t/bench/%.o $(OBJ)/core.a
	@$(LINK) -o $@ $^ $(LIBS)

$(OBJ)/t/bodies/%: $(OBJ)/t/bodies/%.o $(OBJ)/core.a
	@$(LINK) -o $@ $^ $(LIBS)

.SECONDARY:

$(OBJ)/%.o: %.c $(OBJ)/settings
	@mkdir -p $(@D)
	@echo 'cc $<'
	@$(COMPILE) -MMD -MP -c -o $@ $<

# Changes only when what it says changes, so that another compiler or a
# removed source file rebuilds, and nothing else does.
$(OBJ)/settings: force
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(CORE_SRCS)' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

-include $(patsubst %.c,$(OBJ)/%.d,$(CORE_SRCS) $(CLI_SRCS) $(UNIT_SRCS) \
    $(K8S_SRCS) t/bench/core.c t/bodies/verdicts.c)


# The module: NGINX's own configure and make, in a tree of links, because
# configure writes into the tree that it runs in.  What is there is replaced,
# not written over: an NGINX may run with it, such as that of "make demo".

module: $(B)/nginx/Makefile
	@$(MAKE) -s -C $(B)/nginx-src -f $(CURDIR)/$(B)/nginx/Makefile modules
	@! nm -D --undefined-only $(B)/nginx/$(notdir $(MODULE)) \
	    | grep -E ' (mcp_|ngx_http_mcp_tenant)' \
	    || { echo 'the module lacks the functions above' >&2; false; }
	@cmp -s $(B)/nginx/$(notdir $(MODULE)) $(MODULE) \
	    || { cp $(B)/nginx/$(notdir $(MODULE)) $(MODULE).new \
	         && mv $(MODULE).new $(MODULE); }

static: $(B)/static/Makefile
	@$(MAKE) -s -C $(B)/static-src -f $(CURDIR)/$(B)/static/Makefile binary
	@cmp -s $(B)/static/nginx $(B)/nginx-static \
	    || cp $(B)/static/nginx $(B)/nginx-static
	@echo "$(B)/nginx-static is built"

$(B)/nginx/Makefile: config t/setup/configure $(B)/nginx.settings
	@t/setup/configure dynamic '$(NGINX_SRC)' $(B)/nginx-src $(B)/nginx \
	    --with-cc='$(CC)' $(NGINX_FLAGS)

$(B)/static/Makefile: config t/setup/configure $(B)/nginx.settings
	@t/setup/configure static '$(NGINX_SRC)' $(B)/static-src $(B)/static \
	    --with-cc='$(CC)' $(NGINX_FLAGS)

# The module with core/mcp_crash.h compiled in, which the soak kills.
crash-points:
	@$(MAKE) --no-print-directory module B=$(B)/crash \
	    CC='$(CC) -DMCP_CRASH_POINTS'

$(B)/nginx.settings: force
	@mkdir -p $(@D)
	@echo '$(CC) $(NGINX_SRC) $(NGINX_FLAGS) $(NGX_SRCS)' > $@.new
	@cat $(NGINX_SRC)/conf_flags $(NGINX_SRC)/src/core/nginx.h \
	    >> $@.new 2>/dev/null || true
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@


# Tests

check: units
	@perl t/run.pl $(UNITS)

# The Kubernetes of t/k8s is built beside all else, and what needs it waits.
test:
	@t/setup/packages test
	@mkdir -p $(B)
	@$(if $(K8S_GIVEN),,nice t/k8s/build > /dev/null 2> $(B)/k8s.log &)
	@$(MAKE) --no-print-directory -j$(JOBS) all units crash-points \
	    $(OBJ)/t/bodies/verdicts $(K8S_PROGRAMS)
	@TEST_K8S=build perl t/run.pl $(UNITS) t

test-k8s:
	@t/setup/packages test
	@$(MAKE) --no-print-directory -j$(JOBS) all $(K8S_PROGRAMS)
	@$(if $(K8S_GIVEN),,t/k8s/build > /dev/null)
	@TEST_K8S=build perl t/run.pl t/k8s/*.t

# Root only: a node that runs what its Pods are.
test-k8s-node:
	@t/setup/packages k8s-node
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@t/k8s/build > /dev/null
	@t/k8s/images > /dev/null
	@dir=$$(mktemp -d) && status=0 \
	    && { t/k8s/node run $$dir perl t/run.pl t/k8s/real/*.t \
	         || status=$$?; rm -rf $(B)/node-log; \
	         cp -R $$dir/log $(B)/node-log; rm -rf $$dir; exit $$status; }

K8S_GIVEN = $(TEST_KUBECONFIG)$(KUBEBUILDER_ASSETS)

# A table of what t/interop/conformance.test.mjs tests, too.
conformance:
	@t/setup/packages conformance
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@t/interop/node t/interop/conformance.mjs

bodies: $(OBJ)/t/bodies/verdicts
	@t/setup/packages test
	@BODIES='$(BODIES)' SEED='$(SEED)' perl t/run.pl t/bodies/bodies.test.mjs

# With BREAK, a module without one of its mechanisms: the scenario that is
# there for it has to fail.
ifdef BREAK
soak: export SOAK_MODULE := $(CURDIR)/$(B)/broken/$(BREAK)/$(notdir $(MODULE))
SCENARIOS_take = bursts
SCENARIOS_give = bursts
SCENARIOS_reap = kills
SCENARIOS_order = crashes
SCENARIOS_reload = rewrites
SCENARIOS_sticky = sessions
SCENARIOS_reuse = filter
SOAK_MAKE = module B=$(B)/broken/$(BREAK) \
    CC='$(CC) -DMCP_BREAK_$(shell echo $(BREAK) | tr a-z A-Z) $(FLAGS_$(BREAK))'
FLAGS_order = -DMCP_CRASH_POINTS
SCENARIOS ?= $(or $(SCENARIOS_$(BREAK)),$(error BREAK=$(BREAK) is not known))
else
SOAK_MAKE = all units crash-points
endif

soak:
	@$(if $(BREAK),$(MAKE) --no-print-directory cli)
	@$(MAKE) --no-print-directory $(SOAK_MAKE)
	@t/interop/node t/soak/soak.mjs $(SCENARIOS)

# ARMS="bare gateway" measures those; PROFILE=1 shows their functions.
bench:
	@t/setup/packages bench
	@$(MAKE) --no-print-directory -j$(JOBS) all $(OBJ)/t/bench/core
	@perl t/bench/bench.pl $(ARMS)
	@perl t/bench/sidecar.pl
	@perl t/bench/pods.pl

asan:
	@$(MAKE) --no-print-directory check OBJ=$(B)/asan \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'

valgrind: all units
	@t/setup/packages test
	@t/valgrind.sh $(UNITS)

style:
	@prove t/style.t

demo:
	@t/setup/packages demo
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@t/demo/run


install: all
	install -d $(DESTDIR)$(MODULES_DIR) $(DESTDIR)$(PREFIX)/bin \
	    $(DESTDIR)$(PREFIX)/share/mcp-tenant
	install -m 644 $(MODULE) $(DESTDIR)$(MODULES_DIR)
	install -m 755 $(CLI) $(DESTDIR)$(PREFIX)/bin
	cp -R conf $(DESTDIR)$(PREFIX)/share/mcp-tenant

uninstall:
	rm -f $(DESTDIR)$(MODULES_DIR)/$(notdir $(MODULE)) \
	    $(DESTDIR)$(PREFIX)/bin/mcp-tenant
	rm -rf $(DESTDIR)$(PREFIX)/share/mcp-tenant

# Where the installed NGINX looks for "load_module modules/...".
MODULES_DIR = $(or $(shell $(NGINX) -V 2>&1 \
    | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p'),/usr/lib/nginx/modules)

# What t/setup/packages unpacked there is no product of a build; Kubernetes
# takes long.
clean:
	@mkdir -p $(B)
	find $(B) -mindepth 1 -maxdepth 1 ! -name tools ! -name k8s \
	    -exec rm -rf {} +

distclean:
	rm -rf $(B) t/interop/node_modules
