/* The official TypeScript SDK, v1 and v2, as its users write it. */

import * as v1 from '@modelcontextprotocol/sdk/client/index.js';
import * as v1http from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as v2 from '@modelcontextprotocol/client';

export { LoggingMessageNotificationSchema }
    from '@modelcontextprotocol/sdk/types.js';

/* How many POSTs the clients of this process have sent. */
export const sent = { posts: 0 };

const info = { name: 'interop', version: '1.0.0' };


/*
 * sdk: 'v1', 'v2' (legacy era) or 'v2-auto' (asks for 2026-07-28 first).
 * prepare(client) runs before the first request.  Returns the connected
 * client; client.streamOpen resolves when the server has answered its GET.
 */
export async function connect(sdk, url, headers, prepare = () => {}) {
    let client, transport, opened;

    const streamOpen = new Promise((resolve) => {
        opened = resolve;
    });

    const options = {
        requestInit: { headers },
        fetch: async (input, init) => {
            if (init?.method === 'POST') {
                sent.posts++;
            }

            const response = await fetch(input, init);

            if (init?.method === 'GET') {
                opened(response.status);
            }

            return response;
        },
    };

    if (sdk === 'v1') {
        client = new v1.Client(info);
        transport = new v1http.StreamableHTTPClientTransport(new URL(url),
                                                             options);
    } else {
        client = new v2.Client(info, sdk === 'v2-auto'
            ? { versionNegotiation: { mode: 'auto' } } : {});
        transport = new v2.StreamableHTTPClientTransport(new URL(url),
                                                         options);
    }

    client.streamOpen = streamOpen;
    prepare(client);
    await client.connect(transport);

    return client;
}


/* callTool() with the same arguments in both SDKs. */
export function call(client, name, args = {}, options = {}) {
    const params = { name, arguments: args };

    return client instanceof v1.Client
        ? client.callTool(params, undefined, options)
        : client.callTool(params, options);
}


export function textOf(result) {
    return result.content[0].text;
}


/* The HTTP status that a failed request carries, however the SDK says it. */
export function statusOf(error) {
    const text = `${error.message} ${error.cause?.message ?? ''}`;

    return error.status ?? (Number(error.code) || undefined)
           ?? Number(text.match(/\b[45]\d\d\b/)?.[0]);
}
