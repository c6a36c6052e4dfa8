/*
 * conf/k8s without a cluster: that its files agree with each other, with what
 * the sidecar makes, and that its nginx.conf runs.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync,
         renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { freePort, repo, start, stopAll } from '../interop/processes.mjs';

const require = createRequire(new URL('../interop/', import.meta.url));
const yaml = require('yaml');

const VERBS = ['get', 'list', 'watch', 'create', 'patch', 'delete'];

const folder = join(repo, 'conf/k8s');
const cli = process.env.MCP_TENANT ?? join(repo, 'build/mcp-tenant');
const nginx = process.env.NGINX ?? '/usr/sbin/nginx';

const documents = (text) => yaml.parseAllDocuments(text, { strict: true })
    .map((document) => {
        assert.deepEqual([...document.errors, ...document.warnings], []);

        return document.toJS();
    });
const read = (name) => documents(readFileSync(join(folder, name), 'utf8'));

const kustomization = read('kustomization.yaml')[0];
const objects = kustomization.resources.flatMap(read);
const find = (kind, name) => objects.find(
    (object) => object.kind === kind && object.metadata.name === name);

const render = (...options) => documents(execFileSync(
    cli, ['render', ...options, join(folder, 'tenants/tenants.yaml')],
    { encoding: 'utf8' }));
const rendered = render();

const deployment = find('Deployment', 'mcp-gateway');
const pod = deployment.spec.template.spec;
const containers = Object.fromEntries(pod.containers.map(
    (container) => [container.name, container]));

after(stopAll);


test('kustomization.yaml has all files of its folder', () => {
    for (const place of ['.', 'admission', 'tenants']) {
        const { resources = [], configMapGenerator = [] } = read(
            join(place, 'kustomization.yaml'))[0];
        const named = [...resources,
                       ...configMapGenerator.flatMap(({ files }) => files)];
        const there = readdirSync(join(folder, place),
                                  { withFileTypes: true })
            .filter((entry) => entry.isFile()
                               && entry.name !== 'kustomization.yaml')
            .map(({ name }) => name);

        assert.deepEqual(named.sort(), there.sort());
    }
});


test('all is in the namespace of the gateway', () => {
    for (const { kind, metadata } of objects) {
        assert.equal(metadata.namespace,
                     /^(Cluster|Namespace)/.test(kind) ? undefined
                                                       : 'mcp-gateway',
                     `${kind} ${metadata.name}`);
    }
});


test('images have the version of the sources', () => {
    const version = readFileSync(
        join(repo, 'ngx_mcp_tenant_module/core/mcp_version.h'), 'utf8')
        .match(/"(\d+\.\d+\.\d+)"/)[1];

    assert.deepEqual(
        kustomization.images.map(({ name, newTag }) => `${name} ${newTag}`),
        pod.containers.map(({ image }) => `${image} ${version}`));
});


test('the sidecar may do what it needs, by name', () => {
    const { rules } = find('ClusterRole', 'mcp-gateway-sidecar');

    for (const { verbs, resources, apiGroups } of rules) {
        for (const word of [...verbs, ...resources, ...apiGroups]) {
            assert.doesNotMatch(word, /\*|escalate|impersonate|secrets|token/);
        }
    }

    const kinds = [...new Set(rendered.map(
        ({ apiVersion, kind }) => `${apiVersion} ${kind}`))];

    assert.ok(kinds.length >= 9, 'render prints all kinds');

    for (const word of kinds) {
        const [, group, kind] = word.match(/^(?:(.*)\/)?\w+ (\w+)$/);
        const plural = kind.toLowerCase().replace(/y$/, 'ie') + 's';
        const rule = rules.find(
            ({ apiGroups, resources }) => apiGroups.includes(group ?? '')
                                          && resources.includes(plural));

        assert.deepEqual(rule?.verbs, VERBS, plural);
    }
});


test('the role that is bound is there, and may be bound', () => {
    const binding = rendered.find(({ kind }) => kind === 'RoleBinding');
    const { rules } = find('ClusterRole', 'mcp-gateway-sidecar');

    assert.ok(find(binding.roleRef.kind, binding.roleRef.name));
    assert.deepEqual(
        rules.filter(({ verbs }) => verbs.includes('bind')),
        [{ apiGroups: ['rbac.authorization.k8s.io'],
           resources: ['clusterroles'], verbs: ['bind'],
           resourceNames: [binding.roleRef.name] }]);
});


test('policies of tenants admit the gateway', () => {
    const policy = rendered.find(
        ({ kind, metadata }) => kind === 'NetworkPolicy'
                                && metadata.name === 'allow-gateway');
    const [{ namespaceSelector, podSelector }] = policy.spec.ingress[0].from;
    const has = (labels, selector) => Object.entries(selector.matchLabels)
        .every(([name, value]) => labels[name] === value);
    const { labels } = deployment.spec.template.metadata;

    assert.ok(has(find('Namespace', 'mcp-gateway').metadata.labels,
                  namespaceSelector));
    assert.ok(has(labels, podSelector));
    assert.ok(has(labels, deployment.spec.selector));
    assert.ok(has(labels, find('NetworkPolicy', 'mcp-gateway')
                          .spec.podSelector));
    assert.ok(has(labels, find('PodDisruptionBudget', 'mcp-gateway')
                          .spec.selector));
});


test('containers are restricted, and one has the token', () => {
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(find('ServiceAccount', pod.serviceAccountName)
                 .automountServiceAccountToken, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');

    for (const { securityContext } of pod.containers) {
        assert.deepEqual(securityContext, {
            allowPrivilegeEscalation: false, readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
        });
    }

    const tokens = pod.volumes.filter(({ projected }) => projected?.sources
        .some(({ serviceAccountToken }) => serviceAccountToken));
    const mounted = pod.containers.filter(({ volumeMounts }) => volumeMounts
        .some(({ name }) => name === tokens[0].name));

    assert.equal(tokens.length, 1);
    assert.deepEqual(mounted.map(({ name }) => name), ['sidecar']);
});


/* Kubernetes 1.34 refuses the hook in namespaces of the newest level. */
test('hooks that name a host come with a level that allows them', () => {
    const level = (objects_) => {
        const { labels } = objects_.find(({ kind }) => kind === 'Namespace')
                           .metadata;

        return ['', '-version'].map(
            (end) => labels[`pod-security.kubernetes.io/enforce${end}`]);
    };
    const hook = (objects_) => objects_
        .find(({ kind }) => kind === 'Deployment')
        .spec.template.spec.containers[0].lifecycle?.preStop.httpGet.host;
    const drained = render('--drain', '10.96.0.9:8082');

    assert.deepEqual(level(rendered), ['restricted', undefined]);
    assert.equal(hook(rendered), undefined);
    assert.deepEqual(level(drained), ['restricted', 'v1.33']);
    assert.equal(hook(drained), '10.96.0.9');
});


test('names of ports, volumes and variables lead somewhere', () => {
    const ports = pod.containers.flatMap((container) => container.ports);
    const names = ports.map(({ name }) => name);

    for (const container of pod.containers) {
        for (const probe of ['startupProbe', 'readinessProbe',
                             'livenessProbe'])
        {
            const port = container[probe]?.httpGet.port;

            assert.ok(port === undefined
                      || container.ports.some(({ name }) => name === port),
                      `${container.name} ${probe}`);
        }

        for (const { name, subPath } of container.volumeMounts) {
            assert.ok(pod.volumes.some((volume) => volume.name === name),
                      name);
            assert.equal(subPath, undefined);
        }
    }

    for (const name of ['mcp-gateway', 'mcp-gateway-drain']) {
        for (const { targetPort } of find('Service', name).spec.ports) {
            assert.ok(names.includes(targetPort), targetPort);
        }
    }

    for (const { ports: open } of find('NetworkPolicy', 'mcp-gateway')
                                  .spec.ingress)
    {
        for (const { port } of open) {
            assert.ok(names.includes(port), port);
        }
    }

    const generated = [kustomization,
                       read('tenants/kustomization.yaml')[0]]
        .flatMap(({ configMapGenerator }) => configMapGenerator
                 .map(({ name }) => name));
    const used = pod.volumes.filter(({ configMap }) => configMap)
        .map(({ configMap }) => configMap.name);

    assert.deepEqual(used.sort(), generated.sort());

    const drain = find('Service', 'mcp-gateway-drain');
    const variable = drain.metadata.name.toUpperCase().replace(/-/g, '_')
                     + '_SERVICE_HOST';

    assert.ok(containers.sidecar.args.includes(
        `--drain=$(${variable}):${drain.spec.ports[0].port}`));
});


/* A folder as kubelet makes it of a ConfigMap: one link leads to all files. */
function mount(dir, version, source) {
    const data = join(dir, `..${version}`);

    cpSync(source, data, { recursive: true });
    symlinkSync(`..${version}`, join(dir, '..new'));
    renameSync(join(dir, '..new'), join(dir, '..data'));
}


test('nginx.conf runs, with tenants of a ConfigMap', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'mcp-k8s-'));
    const port = { http: await freePort(), status: await freePort() };
    const tenants = join(dir, 'tenants');
    const source = join(dir, 'source');
    let conf = readFileSync(join(folder, 'nginx.conf'), 'utf8');

    after(() => rmSync(dir, { recursive: true, force: true }));
    chmodSync(dir, 0o755);

    for (const name of ['modules', 'temporary', 'state', 'tenants']) {
        mkdirSync(join(dir, name));
    }

    chmodSync(join(dir, 'state'), 0o777);
    symlinkSync(join(repo, 'build/ngx_http_mcp_tenant_module.so'),
                join(dir, 'modules/ngx_http_mcp_tenant_module.so'));
    writeFileSync(join(dir, 'session.keys'),
                  execFileSync(cli, ['session-key']), { mode: 0o600 });

    cpSync(join(folder, 'tenants'), source, { recursive: true });
    mount(tenants, 'one', source);

    for (const name of ['tenants.yaml', 'team-a.yaml']) {
        symlinkSync(`..data/${name}`, join(tenants, name));
    }

    for (const [what, by] of [
        ['/tmp/', join(dir, 'temporary/')],
        ['/usr/share/mcp-tenant/conf/', join(repo, 'conf/')],
        ['/etc/mcp-gateway/tenants/', `${tenants}/`],
        ['/etc/mcp-gateway/session/', `${dir}/`],
        ['/var/lib/mcp-gateway/', join(dir, 'state/')],
        ['/dev/stdout', join(dir, 'audit')],
        [/listen {2}8080;/, `listen  127.0.0.1:${port.http};`],
        [/listen {2}8081;/, `listen  ${port.status};`],
        ['listen  127.0.0.1:8081;', `listen  127.0.0.1:${port.status};`]])
    {
        const changed = conf.replaceAll(
            typeof what === 'string' ? what : new RegExp(what, 'g'), by);

        assert.notEqual(changed, conf, `nginx.conf has ${what}`);
        conf = changed;
    }

    writeFileSync(join(dir, 'nginx.conf'), conf);
    execFileSync(nginx, ['-t', '-q', '-p', dir,
                         '-c', join(dir, 'nginx.conf')], { stdio: 'pipe' });

    const gateway = start(nginx, ['-p', dir, '-c', join(dir, 'nginx.conf'),
                                  '-g', 'daemon off;']);
    const get = async (kind, path) => {
        const answer = await fetch(`http://127.0.0.1:${port[kind]}${path}`);

        return { status: answer.status, text: await answer.text() };
    };
    const until = async (path) => {
        for (;;) {
            const answer = await get('status', path).catch(() => null);

            if (answer?.status === 200) {
                return JSON.parse(answer.text);
            }

            assert.equal(gateway.child.exitCode, null, gateway.output);
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    };
    const { config, tenants: count } = await until('/status');

    assert.equal(count, 1);
    assert.equal((await get('http', '/')).status, 404);
    assert.equal((await get('http', '/tenant/team-a/servers')).status, 401);
    assert.equal((await get('status', '/tenant/team-a/servers')).status, 404);

    const file = join(source, 'tenants.yaml');

    writeFileSync(file, readFileSync(file, 'utf8')
                        + '\n  - id: team-b\n    api_keys: []\n');
    mount(tenants, 'two', source);

    const next = await until(`/status?wait=${config.generation + 1}`);

    assert.equal(next.tenants, 2);
    await gateway.stop();
}, { timeout: 60000 });
