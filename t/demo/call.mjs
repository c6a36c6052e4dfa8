/*
 * A client as a user of the official SDK would write it:
 *     MCP_KEY=... node t/demo/call.mjs URL TOOL [ARGUMENTS-AS-JSON]
 * It asks for revision 2026-07-28 and goes back to the older ones when the
 * server does not know it.
 */

import { call, connect } from '../interop/clients.mjs';

const [url, tool, args] = process.argv.slice(2);

if (!tool) {
    console.error('usage: MCP_KEY=... call.mjs URL TOOL [ARGUMENTS]');
    process.exit(2);
}

try {
    const client = await connect('v2-auto', url, {
        Authorization: `Bearer ${process.env.MCP_KEY}`,
    });
    const { tools } = await client.listTools();
    const session = client.transport.sessionId;

    console.log('server    ', client.getServerVersion().name);
    console.log('revision  ', client.getNegotiatedProtocolVersion(),
                session ? '(with a session)' : '(stateless)');
    console.log('tools     ', tools.slice(0, 5).map(({ name }) => name)
        .join(', ') + (tools.length > 5 ? `, ... (${tools.length})` : ''));

    const result = await call(client, tool, JSON.parse(args ?? '{}'), {
        onprogress: ({ progress, total }) =>
            console.log('progress  ', `${progress} of ${total}`),
    });

    for (const part of result.content) {
        console.log('result    ', part.text ?? part.type);
    }

    if (session) {
        await client.transport.terminateSession();
    }

    await client.close();

} catch (error) {
    console.error('refused   ', error.message);
    process.exitCode = 1;
}
