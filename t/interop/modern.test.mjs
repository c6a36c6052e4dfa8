/* Revision 2026-07-28: stateless, a POST for everything, abort by closing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, connect, textOf } from './clients.mjs';
import { fixture } from './fixture.mjs';

const { gateway, servers, bearer } = await fixture('modern');
const url = gateway.url('team-a', 'modern');
const options = { timeout: 20000 };
const server = servers['team-a'].modern;


async function counts(query = '') {
    const response = await fetch(`${new URL(server.url).origin}/counts`
                                 + query);

    return response.json();
}


test('server/discover keeps a probing client in the modern era', options,
     async () =>
{
    const client = await connect('v2-auto', url, bearer('team-a'));

    assert.equal(client.getProtocolEra(), 'modern');
    assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
    assert.equal(client.transport.sessionId, undefined);
    await client.close();
});


for (const sdk of ['v2-auto', 'v2', 'v1']) {

    test(`${sdk}: tools are listed as without the gateway`, options,
         async () =>
    {
        const through = await connect(sdk, url, bearer('team-a'));
        const direct = await connect(sdk, server.url);

        assert.deepEqual(await through.listTools(),
                         await direct.listTools());
        await through.close();
        await direct.close();
    });


    test(`${sdk}: a tool call is answered`, options, async () => {
        const client = await connect(sdk, url, bearer('team-a'));

        assert.equal(textOf(await call(client, 'add', { a: 40, b: 2 })),
                     '42');
        assert.equal(textOf(await call(client, 'echo',
                                       { message: '\ud83d\ude00' })),
                     '\ud83d\ude00');
        await client.close();
    });


    test(`${sdk}: a megabyte goes there and back`, options, async () => {
        const client = await connect(sdk, url, bearer('team-a'));
        const message = '0123456789abcdef'.repeat(65536);

        assert.equal(textOf(await call(client, 'echo', { message })),
                     message);
        await client.close();
    });


    test(`${sdk}: events pass one by one, the first while the call runs`,
         options, async () =>
    {
        const client = await connect(sdk, url, bearer('team-a'));
        const gate = `gate-${sdk}`;
        const seen = [];
        let opened;

        /* The second step waits for the gate, and only the first one's
         * arrival opens it: a buffered stream never ends. */
        const result = await call(client, 'stream', { steps: 5, gate }, {
            onprogress: ({ progress }) => {
                seen.push(progress);

                if (progress === 1) {
                    opened = call(client, 'open', { gate });
                }
            },
        });

        assert.deepEqual(seen, [1, 2, 3, 4, 5]);
        assert.equal(textOf(result), '5 steps');
        assert.equal(textOf(await opened), 'open');
        await client.close();
    });
}


test('an aborted call ends at the server', options, async () => {
    const client = await connect('v2-auto', url, bearer('team-a'));
    const controller = new AbortController();
    const before = await counts();

    await assert.rejects(call(client, 'stream', { steps: 2, gate: 'never' }, {
        signal: controller.signal,
        onprogress: () => controller.abort(),
    }));

    const after = await counts(`?aborted=${before.aborted + 1}`);

    assert.equal(after.aborted, before.aborted + 1);
    await client.close();
});


test('a client that goes away closes the connection to the server', options,
     async () =>
{
    const client = await connect('v1', url, bearer('team-a'));
    const before = await counts();

    const pending = call(client, 'stream', { steps: 2, gate: 'never' }, {
        onprogress: () => client.close(),
    });

    await assert.rejects(pending);

    const after =
        await counts(`?disconnected=${before.disconnected + 1}`);

    assert.equal(after.disconnected, before.disconnected + 1);
});


test('GET is refused by the server, not by the gateway', options,
     async () =>
{
    const headers = { Accept: 'text/event-stream' };
    const through = await fetch(url, {
        headers: { ...headers, ...bearer('team-a') },
    });
    const direct = await fetch(server.url, { headers });

    assert.equal(through.status, direct.status);
});


test('NGINX logged nothing worse than an error', () => {
    assert.deepEqual(gateway.errors(), []);
});
