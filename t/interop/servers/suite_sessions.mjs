/*
 * A server with sessions, of the revisions up to 2025-11-25, on v1 of the SDK,
 * for the conformance suite.  It answers in streams that can be resumed, asks
 * its clients while a call runs, and can drop a stream on purpose.
 *
 *     node suite_sessions.mjs [PORT]      PORT 0: any free one
 *
 * Says "ready PORT" on stdout.  MCP is at /mcp.
 */

import { randomUUID } from 'node:crypto';

import { createMcpExpressApp }
    from '@modelcontextprotocol/sdk/server/express.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport }
    from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as mcp from '@modelcontextprotocol/sdk/types.js';

import { complete, document, info, prompts, resources, says, schema,
         template, tools } from './suite.mjs';

const port = Number(process.argv[2] ?? 0);
const sessions = new Map();


/* What a form has in it when the user leaves it as it is. */
const defaults = schema({
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'],
              default: 'active' },
    verified: { type: 'boolean', default: true },
}, []);


function titled(...names) {
    return names.map((name) => ({ const: name, title: `The ${name}` }));
}


/* All ways to choose among a few. */
const choices = schema({
    untitledSingle: { type: 'string',
                      enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string',
                    oneOf: titled('value1', 'value2', 'value3') },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'],
                  enumNames: ['One', 'Two', 'Three'] },
    untitledMulti: {
        type: 'array',
        items: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    },
    titledMulti: {
        type: 'array',
        items: { anyOf: titled('value1', 'value2', 'value3') },
    },
}, []);


async function elicit(io, message, requestedSchema) {
    const answer = await io.ask('elicitation/create',
                                { message, requestedSchema },
                                mcp.ElicitResultSchema);

    return says(`${answer.action}: ${JSON.stringify(answer.content)}`);
}


const own = [{
    name: 'test_sampling',
    description: 'Asks the model of the client',
    inputSchema: schema({ prompt: { type: 'string' } }),
    call: async ({ prompt }, io) => {
        const answer = await io.ask('sampling/createMessage', {
            messages: [{ role: 'user',
                         content: { type: 'text', text: prompt } }],
            maxTokens: 100,
        }, mcp.CreateMessageResultSchema);

        return says(answer.content.text);
    },
}, {
    name: 'test_elicitation',
    description: 'Asks the user',
    inputSchema: schema({ message: { type: 'string' } }),
    call: ({ message }, io) => elicit(io, message, schema({
        username: { type: 'string' },
        email: { type: 'string' },
    })),
}, {
    name: 'test_elicitation_sep1034_defaults',
    description: 'Asks the user, with a default for everything',
    inputSchema: schema(),
    call: (args, io) => elicit(io, 'change what you like', defaults),
}, {
    name: 'test_elicitation_sep1330_enums',
    description: 'Asks the user to choose',
    inputSchema: schema(),
    call: (args, io) => elicit(io, 'choose', choices),
}, {
    name: 'test_reconnection',
    description: 'Drops its stream before it answers',
    inputSchema: schema(),
    call: (args, io) => {
        io.drop();

        return says('you came back');
    },
}];

const all = [...tools, ...own];


/* What was sent on the streams of a session, to be resumed from. */
class Events {
    #events = [];

    async storeEvent(stream, message) {
        this.#events.push({ stream, message });

        return String(this.#events.length);
    }

    async getStreamIdForEventId(id) {
        return this.#events[id - 1]?.stream;
    }

    async replayEventsAfter(id, { send }) {
        const { stream } = this.#events[id - 1];

        for (let i = Number(id); i < this.#events.length; i++) {
            const event = this.#events[i];

            /* What primes a stream has no message. */
            if (event.stream === stream && event.message.jsonrpc) {
                await send(String(i + 1), event.message);
            }
        }

        return stream;
    }
}


function known(list, name) {
    const found = list.find((one) => one.name === name);

    if (!found) {
        throw new mcp.McpError(mcp.ErrorCode.InvalidParams,
                               `no such name: ${name}`);
    }

    return found;
}


function without(list, key) {
    return list.map(({ [key]: gone, ...rest }) => rest);
}


async function call({ params }, extra) {
    const tool = known(all, params.name);
    const progressToken = params._meta?.progressToken;

    const io = {
        ask: (method, params, result) =>
            extra.sendRequest({ method, params }, result),
        drop: () => extra.closeSSEStream?.(),
        log: (data) => extra.sendNotification({
            method: 'notifications/message', params: { level: 'info', data },
        }),
        progress: async (step, total) => {
            if (progressToken !== undefined) {
                await extra.sendNotification({
                    method: 'notifications/progress',
                    params: { progressToken, progress: step, total },
                });
            }
        },
    };

    try {
        return await tool.call(params.arguments ?? {}, io);

    } catch (error) {
        return { ...says(error.message), isError: true };
    }
}


function read({ params: { uri } }) {
    const found = resources.find((one) => one.uri === uri);
    const id = uri.match(/^test:\/\/template\/([^/]+)\/data$/)?.[1];

    if (found) {
        return { contents: [{ uri, mimeType: found.mimeType,
                              ...found.content }] };
    }

    if (id === undefined) {
        throw new mcp.McpError(-32002, 'no such resource', { uri });
    }

    return { contents: [document(uri, id)] };
}


function build() {
    const server = new Server(info, {
        capabilities: {
            completions: {}, logging: {}, prompts: {}, tools: {},
            resources: { subscribe: true },
        },
    });

    const handlers = [
        [mcp.ListToolsRequestSchema, () => ({ tools: without(all, 'call') })],
        [mcp.CallToolRequestSchema, call],
        [mcp.ListResourcesRequestSchema,
         () => ({ resources: without(resources, 'content') })],
        [mcp.ListResourceTemplatesRequestSchema,
         () => ({ resourceTemplates: [template] })],
        [mcp.ReadResourceRequestSchema, read],
        [mcp.SubscribeRequestSchema, () => ({})],
        [mcp.UnsubscribeRequestSchema, () => ({})],
        [mcp.ListPromptsRequestSchema,
         () => ({ prompts: without(prompts, 'get') })],
        [mcp.GetPromptRequestSchema, ({ params }) =>
            known(prompts, params.name).get(params.arguments ?? {})],
        [mcp.CompleteRequestSchema,
         ({ params }) => complete(params.argument.value)],
    ];

    for (const [method, handler] of handlers) {
        server.setRequestHandler(method, handler);
    }

    return server;
}


async function open() {
    const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: new Events(),
        retryInterval: 100,
        onsessioninitialized: (id) => {
            sessions.set(id, transport);
        },
        onsessionclosed: (id) => {
            sessions.delete(id);
        },
    });

    await build().connect(transport);

    return transport;
}


function refuse(res, status, message) {
    res.status(status).json({ jsonrpc: '2.0', id: null,
                              error: { code: -32000, message } });
}


/* The application refuses a Host that is not local. */
const app = createMcpExpressApp();

app.all('/mcp', async (req, res) => {
    const id = req.get('mcp-session-id');
    const opens = id === undefined && mcp.isInitializeRequest(req.body);

    if (id !== undefined && !sessions.has(id)) {
        refuse(res, 404, 'no such session');
        return;
    }

    if (id === undefined && !opens) {
        refuse(res, 400, 'a session is needed');
        return;
    }

    const transport = opens ? await open() : sessions.get(id);

    await transport.handleRequest(req, res, req.body);
});

const http = app.listen(port, '127.0.0.1', () => {
    process.stdout.write(`ready ${http.address().port}\n`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
        http.close(() => process.exit(0));
        http.closeAllConnections();
    });
}
