/*
 * An MCP server for revision 2026-07-28 (and stateless for the older ones),
 * made for tests: it can hold a call until it is told to go on, and it knows
 * which of its calls were aborted.
 *
 *     node modern.mjs [PORT [NAME]]       PORT 0: any free one
 *
 * Says "ready PORT" on stdout.  MCP is at /mcp; GET /counts[?aborted=N] is
 * for the test that owns the server: it answers once N calls were aborted.
 */

import { createServer } from 'node:http';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer }
    from '@modelcontextprotocol/server';

const port = Number(process.argv[2] ?? process.env.PORT ?? 0);
const name = process.argv[3] ?? process.env.SERVER_NAME ?? 'modern';

const counts = { calls: 0, aborted: 0, disconnected: 0 };
const waiting = new Set();
const gates = new Map();


function tell() {
    for (const check of [...waiting]) {
        check();
    }
}


/* Resolves once reached() is true; asked again after every change. */
function until(reached) {
    return new Promise((resolve) => {
        const check = () => {
            if (reached()) {
                waiting.delete(check);
                resolve();
            }
        };

        waiting.add(check);
        check();
    });
}


function text(value) {
    return { content: [{ type: 'text', text: String(value) }] };
}


function schema(properties, required = Object.keys(properties)) {
    return fromJsonSchema({ type: 'object', properties, required });
}


async function progress(ctx, step, total) {
    const progressToken = ctx.mcpReq._meta?.progressToken;

    if (progressToken !== undefined) {
        await ctx.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress: step, total },
        });
    }
}


/* True when the gate opened, false when the client went away first. */
async function passed(gate, signal) {
    const on_abort = () => tell();

    signal.addEventListener('abort', on_abort);
    await until(() => gates.get(gate) || signal.aborted);
    signal.removeEventListener('abort', on_abort);

    return !signal.aborted;
}


function build() {
    const server = new McpServer({ name, version: '1.0.0' },
                                 { capabilities: { logging: {} } });

    server.registerTool('echo', {
        description: 'Says it back',
        inputSchema: schema({ message: { type: 'string' } }),
    }, async ({ message }) => text(message));

    server.registerTool('add', {
        description: 'The sum of a and b',
        inputSchema: schema({ a: { type: 'number' }, b: { type: 'number' } }),
    }, async ({ a, b }) => text(a + b));

    server.registerTool('whoami', {
        description: 'The name this server was started with',
        inputSchema: schema({}),
    }, async () => text(name));

    server.registerTool('headers', {
        description: 'The HTTP request headers that reached this server',
        inputSchema: schema({}),
    }, async (args, ctx) =>
        text(JSON.stringify(Object.fromEntries(ctx.http.req.headers))));

    server.registerTool('stream', {
        description: 'One progress notification, then waits for the gate '
                     + 'to open, then the other ones',
        inputSchema: schema({ steps: { type: 'integer', minimum: 1 },
                              gate: { type: 'string' } }, ['steps']),
    }, async ({ steps, gate }, ctx) => {
        for (let step = 1; step <= steps; step++) {
            await progress(ctx, step, steps);

            if (step === 1 && gate !== undefined
                && !await passed(gate, ctx.mcpReq.signal))
            {
                counts.aborted++;
                tell();
                break;
            }
        }

        gates.delete(gate);

        return text(`${steps} steps`);
    });

    server.registerTool('open', {
        description: 'Opens a gate',
        inputSchema: schema({ gate: { type: 'string' } }),
    }, async ({ gate }) => {
        gates.set(gate, true);
        tell();

        return text('open');
    });

    server.registerTool('counts', {
        description: 'How many calls came in, and how many were aborted',
        inputSchema: schema({}),
    }, async () => text(JSON.stringify(counts)));

    return server;
}


const mcp = toNodeHandler(createMcpHandler(build));

const http = createServer(async (req, res) => {
    const url = new URL(req.url, 'http://localhost');

    if (url.pathname === '/counts') {
        const aborted = Number(url.searchParams.get('aborted') ?? 0);
        const gone = Number(url.searchParams.get('disconnected') ?? 0);

        await until(() => counts.aborted >= aborted
                          && counts.disconnected >= gone);
        res.setHeader('Content-Type', 'application/json');
        res.end(JSON.stringify(counts));
        return;
    }

    if (url.pathname !== '/mcp') {
        res.statusCode = 404;
        res.end();
        return;
    }

    counts.calls++;
    res.on('close', () => {
        if (!res.writableFinished) {
            counts.disconnected++;
            tell();
        }
    });

    mcp(req, res);
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
