/*
 * A server of revision 2026-07-28, on v2 of the SDK, for the conformance
 * suite.  It asks its clients by answers that want more input, and has a
 * parameter that clients mirror in a header.
 *
 *     node suite_modern.mjs [PORT]        PORT 0: any free one
 *
 * Says "ready PORT" on stdout.  MCP is at /mcp, and anywhere else.
 */

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { localhostHostValidation, localhostOriginValidation, toNodeHandler }
    from '@modelcontextprotocol/node';
import { CLIENT_CAPABILITIES_META_KEY, createMcpHandler,
         createRequestStateCodec, fromJsonSchema, inputRequired, McpServer,
         ResourceTemplate }
    from '@modelcontextprotocol/server';

import { complete, document, info, prompts, resources, says, schema,
         template, text, tools } from './suite.mjs';

const port = Number(process.argv[2] ?? 0);
const state = createRequestStateCodec({ key: randomBytes(32) });


function form(message, name, type = 'string') {
    return inputRequired.elicit({
        message, requestedSchema: schema({ [name]: { type } }),
    });
}


function sample(question) {
    return inputRequired.createMessage({
        messages: [{ role: 'user', content: text(question) }],
        maxTokens: 100,
    });
}


/* Which of these the client has sent no answer to. */
function missing(ctx, inputRequests) {
    return Object.keys(inputRequests)
        .filter((key) => ctx.mcpReq.inputResponses?.[key] === undefined);
}


/* A tool that wants to know what requests(ctx) has before it answers. */
function asking(name, requests) {
    return {
        name,
        description: 'Asks before it answers',
        inputSchema: schema(),
        call: (args, ctx) => {
            const inputRequests = requests(ctx);

            return missing(ctx, inputRequests).length === 0
                   ? says(JSON.stringify(ctx.mcpReq.inputResponses))
                   : inputRequired({ inputRequests });
        },
    };
}


/*
 * A tool that asks in rounds, one list of requests for each; a state that is
 * signed says which round it is.
 */
function askingInRounds(name, rounds) {
    return {
        name,
        description: 'Asks before it answers, and gives a state along',
        inputSchema: schema(),
        call: async (args, ctx) => {
            const round = ctx.mcpReq.requestState()?.round ?? 0;
            const answered = round > 0
                             && missing(ctx, rounds[round - 1]).length === 0;
            const next = answered ? round + 1 : Math.max(round, 1);

            if (next > rounds.length) {
                return says(`state-ok after ${round}`);
            }

            return inputRequired({
                inputRequests: rounds[next - 1],
                requestState: await state.mint({ round: next }),
            });
        },
    };
}


const ask = {
    name: form('Who are you?', 'name'),
    color: form('Which color?', 'color'),
    confirm: form('Sure?', 'ok', 'boolean'),
    context: form('Which context?', 'context'),
    greeting: sample('How do you greet?'),
    capital: sample('What is the capital of France?'),
    roots: inputRequired.listRoots(),
};


/* Asks what this client can answer. */
function possible(ctx) {
    const { elicitation, sampling } =
        ctx.mcpReq.envelope[CLIENT_CAPABILITIES_META_KEY];

    return { ...elicitation && { confirm: ask.confirm },
             ...sampling && { greeting: ask.greeting } };
}


/* What the suite calls to see what its listeners are told. */
function changing(name, change) {
    return {
        name,
        description: 'Tells that a list has changed',
        inputSchema: schema(),
        call: () => {
            change();

            return says('changed');
        },
    };
}


const own = [
    asking('test_input_required_result_elicitation',
           () => ({ user_name: ask.name })),
    asking('test_input_required_result_sampling',
           () => ({ capital_question: ask.capital })),
    asking('test_input_required_result_list_roots',
           () => ({ client_roots: ask.roots })),
    asking('test_input_required_result_capabilities', possible),
    asking('test_streaming_elicitation', () => ({ confirm: ask.confirm })),
    /* The SDK refuses to ask a client without a model. */
    asking('test_missing_capability', () => ({ greeting: ask.greeting })),
    askingInRounds('test_input_required_result_request_state',
                   [{ confirm: ask.confirm }]),
    askingInRounds('test_input_required_result_tampered_state',
                   [{ confirm: ask.confirm }]),
    askingInRounds('test_input_required_result_multiple_inputs',
                   [{ user_name: ask.name, greeting: ask.greeting,
                      client_roots: ask.roots }]),
    askingInRounds('test_input_required_result_multi_round',
                   [{ step1: ask.name }, { step2: ask.color }]),
    changing('test_trigger_tool_change', () => mcp.notify.toolsChanged()),
    changing('test_trigger_prompt_change',
             () => mcp.notify.promptsChanged()),
    {
        name: 'test_logging_tool',
        description: 'Logs',
        inputSchema: schema(),
        call: async (args, ctx) => {
            await ctx.mcpReq.log('info', 'only for those who want it');

            return says('logged');
        },
    }, {
        name: 'test_x_mcp_header',
        description: 'Has a parameter that is mirrored in a header, with a '
                     + 'name that proxies like to drop',
        inputSchema: schema({
            region: { 'type': 'string', 'x-mcp-header': 'Region_of.Data' },
        }),
        call: ({ region }) => says(region),
    },
];


const askingPrompt = {
    name: 'test_input_required_result_prompt',
    description: 'Asks before it answers',
    arguments: [],
    get: (args, ctx) => {
        const { user_context: answer } = ctx.mcpReq.inputResponses ?? {};

        return answer
            ? { messages: [{ role: 'user',
                             content: text(JSON.stringify(answer)) }] }
            : inputRequired({ inputRequests: { user_context: ask.context } });
    },
};


function io(ctx) {
    const progressToken = ctx.mcpReq._meta?.progressToken;

    return {
        log: (data) => ctx.mcpReq.log('info', data),
        progress: async (step, total) => {
            if (progressToken !== undefined) {
                await ctx.mcpReq.notify({
                    method: 'notifications/progress',
                    params: { progressToken, progress: step, total },
                });
            }
        },
    };
}


function argumentsSchema(list) {
    return fromJsonSchema(schema(Object.fromEntries(
        list.map(({ name, description }) =>
            [name, { type: 'string', description }]))));
}


function build() {
    const server = new McpServer(info, {
        capabilities: { completions: {}, logging: {} },
        requestState: { verify: state.verify },
    });

    for (const { name, description, inputSchema, call } of tools) {
        server.registerTool(name, {
            description, inputSchema: fromJsonSchema(inputSchema),
        }, async (args, ctx) => call(args, io(ctx)));
    }

    for (const { name, description, inputSchema, call } of own) {
        server.registerTool(name, {
            description, inputSchema: fromJsonSchema(inputSchema),
        }, async (args, ctx) => call(args, ctx));
    }

    for (const { uri, name, content, ...metadata } of resources) {
        server.registerResource(name, uri, metadata, async () => ({
            contents: [{ uri, mimeType: metadata.mimeType, ...content }],
        }));
    }

    const { uriTemplate, name, ...metadata } = template;

    server.registerResource(name,
        new ResourceTemplate(uriTemplate, { list: undefined }), metadata,
        async (uri, { id }) => ({ contents: [document(uri.href, id)] }));

    for (const prompt of [...prompts, askingPrompt]) {
        server.registerPrompt(prompt.name, {
            description: prompt.description,
            argsSchema: argumentsSchema(prompt.arguments),
        }, async (args, ctx) => prompt.get(args, ctx));
    }

    server.server.setRequestHandler('completion/complete',
        async ({ params }) => complete(params.argument.value));

    return server;
}


const mcp = createMcpHandler(build, { legacy: 'reject' });
const handler = toNodeHandler(mcp);
const guards = [localhostHostValidation(), localhostOriginValidation()];

const http = createServer((req, res) => {
    if (guards.every((guard) => guard(req, res))) {
        handler(req, res);
    }
});

http.listen(port, '127.0.0.1', () => {
    process.stdout.write(`ready ${http.address().port}\n`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
        http.close(() => process.exit(0));
        http.closeAllConnections();
    });
}
