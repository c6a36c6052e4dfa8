/* Two tenants whose servers have the same ids never meet. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, connect, sent, statusOf, textOf } from './clients.mjs';
import { fixture } from './fixture.mjs';

const { gateway, servers, bearer } = await fixture('tenants');
const options = { timeout: 20000 };


for (const tenant of ['team-a', 'team-b']) {
    const name = `modern-${tenant.slice(-1)}`;


    test(`${tenant} reaches its own modern server`, options, async () => {
        for (const sdk of ['v2-auto', 'v2', 'v1']) {
            const client = await connect(sdk, gateway.url(tenant, 'modern'),
                                         bearer(tenant));

            assert.equal(textOf(await call(client, 'whoami')), name);
            await client.close();
        }
    });


    test(`${tenant} reaches its own server with sessions`, options,
         async () =>
    {
        for (const sdk of ['v1', 'v2']) {
            const client = await connect(sdk,
                                         gateway.url(tenant, 'everything'),
                                         bearer(tenant));
            const env = JSON.parse(textOf(await call(client, 'get-env')));

            assert.equal(env.SERVER_NAME, `everything-${tenant.slice(-1)}`);
            await client.close();
        }
    });
}


test('the server sees neither the key nor the tenant header', options,
     async () =>
{
    const client = await connect('v2-auto', gateway.url('team-a', 'modern'), {
        ...bearer('team-a'),
        'X-Tenant-ID': 'team-a',
        'Cookie': 'session=1',
    });
    const text = textOf(await call(client, 'headers'));
    const headers = JSON.parse(text);

    assert.ok(!text.includes(gateway.keys['team-a']));
    assert.equal(headers.authorization, undefined);
    assert.equal(headers['x-tenant-id'], undefined);
    assert.equal(headers.cookie, undefined);
    assert.equal(headers.host, new URL(servers['team-a'].modern.url).host);
    assert.equal(headers['mcp-method'], 'tools/call');
    await client.close();
});


test('the tenant may be named by the key alone', options, async () => {
    const client = await connect('v2-auto',
        `${gateway.base}/servers/modern/mcp`,
        { 'X-API-Key': gateway.keys['team-b'] });

    assert.equal(textOf(await call(client, 'whoami')), 'modern-b');
    await client.close();
});


for (const sdk of ['v1', 'v2', 'v2-auto']) {

    test(`${sdk}: a key is refused on the other tenant's path`, options,
         async () =>
    {
        await assert.rejects(connect(sdk, gateway.url('team-b', 'modern'),
                                     bearer('team-a')),
                             (error) => statusOf(error) === 403);
    });


    test(`${sdk}: no key, no access`, options, async () => {
        await assert.rejects(connect(sdk, gateway.url('team-a', 'modern'),
                                     {}),
                             (error) => statusOf(error) === 401);
    });
}


test('a foreign tenant looks the same whether it exists or not', options,
     async () =>
{
    const answers = [];

    for (const tenant of ['team-b', 'team-x']) {
        sent.posts++;

        const response = await fetch(gateway.url(tenant, 'modern'), {
            method: 'POST',
            headers: { ...bearer('team-a'),
                       'Content-Type': 'application/json' },
            body: '{"jsonrpc": "2.0", "id": 7, "method": "tools/list"}',
        });

        answers.push([response.status, await response.text()]);
    }

    assert.equal(answers[0][0], 403);
    assert.deepEqual(answers[0], answers[1]);
});


test('every request left one line of audit, without keys', options,
     async () =>
{
    await gateway.stop();

    const lines = gateway.audit();
    const text = JSON.stringify(lines);

    assert.equal(lines.filter((line) => line.http_method === 'POST').length,
                 sent.posts);
    assert.ok(!text.includes(gateway.keys['team-a']));
    assert.ok(!text.includes(gateway.keys['team-b']));
});


test('NGINX logged nothing worse than an error', () => {
    assert.deepEqual(gateway.errors(), []);
});
