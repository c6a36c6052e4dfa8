/* Sessions, of revisions up to 2025-11-25: both SDKs, the reference server. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, connect, LoggingMessageNotificationSchema, textOf }
    from './clients.mjs';
import { fixture } from './fixture.mjs';

const { gateway, servers, bearer } = await fixture('legacy');
const url = gateway.url('team-a', 'everything');
const options = { timeout: 20000 };


function onLog(client, sdk, handler) {
    client.setNotificationHandler(
        sdk === 'v1' ? LoggingMessageNotificationSchema
                     : 'notifications/message', handler);
}


/*
 * What comes for a client that comes back; the server never ends the stream,
 * and tells there what was kept when it was opened.
 */
async function resume(session, token) {
    const decoder = new TextDecoder();
    let text = '';

    try {
        const response = await fetch(url, {
            headers: {
                ...bearer('team-a'),
                'Accept': 'text/event-stream',
                'Mcp-Session-Id': session,
                'Last-Event-ID': token,
            },
            signal: AbortSignal.timeout(500),
        });

        for await (const chunk of response.body) {
            text += decoder.decode(chunk, { stream: true });
        }

    } catch (error) {
        assert.equal(error.name, 'TimeoutError');
    }

    return text;
}


for (const sdk of ['v1', 'v2']) {

    test(`${sdk}: initialize opens a session`, options, async () => {
        const client = await connect(sdk, url, bearer('team-a'));

        assert.match(client.getServerVersion().name, /everything/);
        assert.match(client.transport.sessionId, /^[\x21-\x7e]+$/);
        await client.close();
    });


    test(`${sdk}: tools are listed as without the gateway`, options,
         async () =>
    {
        const through = await connect(sdk, url, bearer('team-a'));
        const direct = await connect(sdk, servers['team-a'].everything.url);

        assert.deepEqual(await through.listTools(),
                         await direct.listTools());
        assert.deepEqual(await through.listPrompts(),
                         await direct.listPrompts());
        assert.deepEqual(await through.listResources(),
                         await direct.listResources());
        await through.close();
        await direct.close();
    });


    test(`${sdk}: a tool call is answered`, options, async () => {
        const client = await connect(sdk, url, bearer('team-a'));

        assert.equal(textOf(await call(client, 'echo',
                                       { message: 'gr\u00fc\u00dfe' })),
                     'Echo: gr\u00fc\u00dfe');
        await client.close();
    });


    test(`${sdk}: progress arrives before the result, in order`, options,
         async () =>
    {
        const client = await connect(sdk, url, bearer('team-a'));
        const seen = [];

        const result = await call(client, 'trigger-long-running-operation',
            { duration: 0.2, steps: 4 },
            { onprogress: ({ progress }) => seen.push(progress) });

        assert.deepEqual(seen, [1, 2, 3, 4]);
        assert.match(textOf(result), /completed/);
        await client.close();
    });


    test(`${sdk}: a call goes on when its client went away`, options,
         async () =>
    {
        const client = await connect(sdk, url, bearer('team-a'));
        const { sessionId } = client.transport;
        const seen = [];
        let token, kept;

        await assert.rejects(call(client, 'trigger-long-running-operation',
            { duration: 1, steps: 4 }, {
                onresumptiontoken: (last) => {
                    token = last;
                },
                onprogress: ({ progress }) => {
                    seen.push(progress);
                    client.close();
                },
            }));

        do {
            kept = await resume(sessionId, token);
        } while (!kept.includes('"result"'));

        assert.deepEqual(seen, [1]);
        assert.deepEqual([...kept.matchAll(/"progress":(\d)/g)]
                             .map(([, step]) => step), ['2', '3', '4']);
        assert.match(kept, /operation completed/);
    });


    test(`${sdk}: a notification arrives on the GET stream`, options,
         async () =>
    {
        let arrived;
        const message = new Promise((resolve) => {
            arrived = resolve;
        });

        const client = await connect(sdk, url, bearer('team-a'), (client) => {
            onLog(client, sdk, ({ params }) => arrived(params.data));
        });

        assert.equal(await client.streamOpen, 200);
        await call(client, 'toggle-simulated-logging');
        assert.match(await message, /message - SessionId/);
        await call(client, 'toggle-simulated-logging');
        await client.close();
    });


    test(`${sdk}: DELETE ends the session`, options, async () => {
        const client = await connect(sdk, url, bearer('team-a'));
        const { sessionId } = client.transport;

        await client.streamOpen;
        await client.transport.terminateSession();

        const response = await fetch(url, {
            method: 'POST',
            headers: {
                ...bearer('team-a'),
                'Content-Type': 'application/json',
                'Accept': 'application/json, text/event-stream',
                'Mcp-Session-Id': sessionId,
            },
            body: '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}',
        });

        assert.ok([400, 404].includes(response.status), response.status);
        await client.close();
    });
}


test('NGINX logged nothing worse than an error', () => {
    assert.deepEqual(gateway.errors(), []);
});
