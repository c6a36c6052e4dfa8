/*
 * conf/k8s/admission, judged by a CEL of its own: the API server of the other
 * tests here is older than policies.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { Policies } from './policies.mjs';

const require = createRequire(new URL('../interop/', import.meta.url));
const yaml = require('yaml');

const FOLDER = new URL('../../conf/k8s/admission/', import.meta.url);
const SIDECAR = 'system:serviceaccount:mcp-gateway:mcp-gateway';

const read = (name) => yaml.parseAllDocuments(
    readFileSync(new URL(name, FOLDER), 'utf8'), { strict: true })
    .map((document) => {
        assert.deepEqual(document.errors, []);

        return document.toJS();
    });

const objects = read('kustomization.yaml')[0].resources.flatMap(read);
const policies = objects.filter(
    ({ kind }) => kind === 'ValidatingAdmissionPolicy');
const judges = new Policies(policies);

const ours = { 'mcp-tenant.io/instance': 'default' };
const owned = (tenant) => ({
    ...ours,
    'app.kubernetes.io/managed-by': 'mcp-tenant',
    'mcp-tenant.io/tenant': tenant,
    'pod-security.kubernetes.io/enforce': 'restricted',
});

const namespace = (name, tenant) => ({ metadata: {
    name, labels: owned(tenant),
    annotations: { 'mcp-tenant.io/owner': `default/${tenant}` },
} });

const foreign = (name, annotations) => ({ metadata: { name, annotations } });


function refused(request, pattern) {
    const said = judges.request({ user: SIDECAR, ...request });

    assert.ok(said.some((message) => pattern.test(message)),
              `${pattern} is not in: ${said.join('; ') || 'no refusal'}`);
}


function admitted(request) {
    assert.deepEqual(judges.request({ user: SIDECAR, ...request }), []);
}


test('each policy has a binding that denies', () => {
    assert.equal(policies.length, 5);
    assert.equal(objects.length, 2 * policies.length);

    for (const policy of policies) {
        const binding = objects.find(
            ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicyBinding'
                                    && metadata.name === policy.metadata.name);

        assert.equal(policy.apiVersion, 'admissionregistration.k8s.io/v1');
        assert.equal(policy.spec.failurePolicy, 'Fail');
        assert.equal(binding.spec.policyName, policy.metadata.name);
        assert.deepEqual(binding.spec.validationActions, ['Deny']);
    }
});


test('the sidecar makes, changes and deletes namespaces of tenants', () => {
    const mine = namespace('mcp-team-a', 'team-a');
    const all = { resource: 'namespaces' };

    admitted({ ...all, operation: 'CREATE', object: mine });
    admitted({ ...all, operation: 'UPDATE', object: mine, oldObject: mine });
    admitted({ ...all, operation: 'DELETE', oldObject: mine });
});


test('no namespace with another name', () => {
    for (const name of ['team-a', 'kube-system', 'default', 'mcp-gateway',
                        'xmcp-a'])
    {
        const object = namespace(name, 'team-a');
        const all = { resource: 'namespaces', object };

        refused({ ...all, operation: 'CREATE' }, /begins with "mcp-"/);
        refused({ ...all, operation: 'UPDATE', oldObject: object },
                /begins with "mcp-"/);
        refused({ ...all, operation: 'DELETE', object: null,
                  oldObject: object }, /begins with "mcp-"/);
    }
});


test('no namespace without owner or Pod Security', () => {
    const all = { resource: 'namespaces', operation: 'CREATE' };

    refused({ ...all, object: { metadata: { name: 'mcp-a' } } },
            /expected the labels/);

    for (const label of Object.keys(owned('a'))) {
        const object = namespace('mcp-a', 'a');

        delete object.metadata.labels[label];
        refused({ ...all, object }, /expected /);
    }

    const object = namespace('mcp-a', 'a');

    object.metadata.annotations['mcp-tenant.io/owner'] = 'default/b';
    refused({ ...all, object }, /expected the labels/);

    const loose = namespace('mcp-a', 'a');

    loose.metadata.labels['pod-security.kubernetes.io/enforce'] = 'baseline';
    refused({ ...all, object: loose }, /restricted/);
});


test('no namespace of others, unless they say so', () => {
    const object = namespace('mcp-a', 'a');
    const all = { resource: 'namespaces', operation: 'UPDATE', object };
    const adopt = (owner) => foreign('mcp-a', {
        'mcp-tenant.io/adopt': owner,
    });

    refused({ ...all, oldObject: foreign('mcp-a') }, /mcp-tenant.io\/adopt/);
    refused({ ...all, oldObject: adopt('default/b') }, /adopt: default\/a/);
    refused({ ...all, oldObject: namespace('mcp-a', 'b') },
            /namespace of "default\/a"/);
    admitted({ ...all, oldObject: adopt('default/a') });

    refused({ resource: 'namespaces', operation: 'DELETE',
              oldObject: foreign('mcp-a') }, /did not make/);
    refused({ resource: 'namespaces', operation: 'DELETE',
              oldObject: adopt('default/a') }, /did not make/);
});


test('whose a namespace is, others do not say', () => {
    const user = 'ann';
    const all = { resource: 'namespaces', user };
    const mine = namespace('mcp-a', 'a');
    const changed = (change) => {
        const object = structuredClone(mine);

        change(object.metadata);

        return object;
    };

    refused({ ...all, operation: 'CREATE', object: mine }, /sidecar/);
    refused({ ...all, operation: 'UPDATE', oldObject: foreign('mcp-a'),
              object: mine }, /sidecar/);

    for (const change of [
        ({ labels }) => { labels['mcp-tenant.io/tenant'] = 'b'; },
        ({ labels }) => { labels['mcp-tenant.io/instance'] = 'b'; },
        ({ labels }) => { delete labels['mcp-tenant.io/tenant']; },
        ({ labels }) => { delete labels['app.kubernetes.io/managed-by']; },
        (metadata) => { delete metadata.labels; },
        (metadata) => { delete metadata.annotations; },
        ({ annotations }) => { annotations['mcp-tenant.io/adopt'] = 'x/y'; },
        ({ labels }) => {
            labels['pod-security.kubernetes.io/enforce'] = 'privileged';
        }])
    {
        const request = { ...all, operation: 'UPDATE', oldObject: mine,
                          object: changed(change) };

        assert.notDeepEqual(judges.request(request), []);
        admitted({ ...request, admin: true });
    }

    admitted({ ...all, operation: 'UPDATE', oldObject: mine,
               object: changed(({ labels }) => { labels.color = 'red'; }) });
    admitted({ ...all, operation: 'CREATE', object: foreign('mcp-z') });
    admitted({ ...all, operation: 'UPDATE', object: foreign('z', { a: 'b' }),
               oldObject: foreign('z') });
});


test('the sidecar writes in namespaces of tenants only', () => {
    const object = { metadata: { name: 'search', labels: ours } };

    for (const [group, resource] of [['', 'services'], ['', 'limitranges'],
        ['', 'resourcequotas'], ['', 'serviceaccounts'],
        ['networking.k8s.io', 'networkpolicies'],
        ['policy', 'poddisruptionbudgets']])
    {
        const all = { group, resource, object, oldObject: object };
        const there = { ...all, namespace: 'mcp-a', labels: owned('a') };

        for (const operation of ['CREATE', 'UPDATE', 'DELETE']) {
            admitted({ ...there, operation });
            refused({ ...all, operation, namespace: 'kube-system' },
                    /"kube-system" is not a tenant's/);
            refused({ ...all, operation, namespace: 'mcp-gateway',
                      labels: owned('a') }, /"mcp-gateway" is not a tenant's/);
            admitted({ ...all, operation, namespace: 'kube-system',
                       user: 'ann' });
        }

        refused({ ...there, operation: 'CREATE',
                  object: { metadata: { name: 'x' } } },
                /expected the label/);
        refused({ ...there, operation: 'DELETE',
                  oldObject: { metadata: { name: 'x' } } }, /did not make/);
    }
});


test('its own ConfigMaps, not the files of tenants', () => {
    const all = { resource: 'configmaps', namespace: 'mcp-gateway' };
    const mine = { metadata: { name: 'status', labels: ours } };
    const files = { metadata: { name: 'mcp-tenants' } };

    admitted({ ...all, operation: 'CREATE', object: mine });
    admitted({ ...all, operation: 'UPDATE', object: mine, oldObject: mine });
    admitted({ ...all, operation: 'DELETE', oldObject: mine });
    refused({ ...all, operation: 'UPDATE', object: files, oldObject: files },
            /expected the label/);
    refused({ ...all, operation: 'UPDATE', object: mine, oldObject: files },
            /did not make/);
    refused({ ...all, operation: 'DELETE', oldObject: files }, /did not make/);
});


test('a Deployment without a token', () => {
    const deployment = (spec) => ({
        metadata: { name: 'search', labels: ours },
        spec: { template: { spec } },
    });
    const all = { group: 'apps', resource: 'deployments', namespace: 'mcp-a',
                  labels: owned('a'), operation: 'CREATE' };

    admitted({ ...all, object: deployment({
        serviceAccountName: 'mcp-server', automountServiceAccountToken: false,
    }) });

    for (const spec of [
        {},
        { serviceAccountName: 'mcp-server' },
        { serviceAccountName: 'admin', automountServiceAccountToken: false },
        { automountServiceAccountToken: false }])
    {
        refused({ ...all, object: deployment(spec) }, /without the token/);
    }
});


test('one role for others, and none for the system', () => {
    const binding = (kind, name, ...subjects) => ({
        metadata: { name: 'mcp-tenant-member', labels: ours },
        roleRef: { kind, name },
        subjects: subjects.map((subject) => ({ kind: 'Group',
                                               name: subject })),
    });
    const all = { group: 'rbac.authorization.k8s.io', operation: 'CREATE',
                  resource: 'rolebindings', namespace: 'mcp-a',
                  labels: owned('a') };

    admitted({ ...all, object: binding('ClusterRole', 'mcp-tenant-member',
                                       'team-a', 'ann') });
    refused({ ...all, object: binding('ClusterRole', 'mcp-gateway-sidecar',
                                      'team-a') }, /mcp-tenant-member/);
    refused({ ...all, object: binding('Role', 'mcp-tenant-member',
                                      'team-a') }, /mcp-tenant-member/);
    refused({ ...all, object: binding('ClusterRole', 'mcp-tenant-member',
                                      'team-a', 'system:authenticated') },
            /"system:"/);
    refused({ ...all, namespace: 'default', labels: {},
              object: binding('ClusterRole', 'mcp-tenant-member', 'a') },
            /not a tenant's/);
    admitted({ ...all, user: 'ann', object: binding('Role', 'any', 'x') });
});


test('no token in a Secret', () => {
    const secret = (type) => ({ metadata: { name: 'x' }, type });
    const all = { resource: 'secrets', namespace: 'mcp-a', user: 'ann',
                  labels: owned('a'), operation: 'CREATE' };

    admitted({ ...all, object: secret('Opaque') });
    admitted({ ...all, object: { metadata: { name: 'x' } } });
    refused({ ...all, object: secret('kubernetes.io/service-account-token') },
            /tokens of accounts/);
    admitted({ ...all, admin: true,
               object: secret('kubernetes.io/service-account-token') });
    admitted({ ...all, labels: {},
               object: secret('kubernetes.io/service-account-token') });
});
