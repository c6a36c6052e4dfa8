/*
 * What the conformance suite calls, as far as it is the same for servers of
 * all revisions: the names are the suite's, the rest is ours.
 *
 * A tool's call(args, io) returns a result; io has log(text) and
 * progress(step, total), each a promise, which tell the client while the
 * call runs.
 */

export const info = { name: 'conformance', version: '1.0.0' };

/* Four gray pixels, and half a millisecond of silence. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNQ'
            + 'OMBwQAEABUYBwanuw7cAAAAASUVORK5CYII=';
const wav = 'UklGRigAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQQAAACA'
            + 'gICA';

const image = { type: 'image', data: png, mimeType: 'image/png' };


export function text(value) {
    return { type: 'text', text: value };
}


export function says(value) {
    return { content: [text(value)] };
}


export function schema(properties = {},
                       required = Object.keys(properties))
{
    return { type: 'object', properties, required };
}


function embedded(uri, value, mimeType = 'text/plain') {
    return { type: 'resource', resource: { uri, mimeType, text: value } };
}


/* A dialect that filters and SDKs have to leave as it is. */
const dialect = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: {
        address: {
            $anchor: 'address',
            type: 'object',
            properties: { town: { type: 'string' } },
        },
    },
    properties: {
        name: { type: 'string' },
        mail: { type: 'string' },
        post: { $ref: '#/$defs/address' },
    },
    allOf: [{ anyOf: [{ required: ['mail'] }, { required: ['post'] }] }],
    if: { required: ['post'] },
    then: { required: ['name'] },
    else: { required: ['mail'] },
    additionalProperties: false,
};


/* The suite calls the first one without arguments. */
export const tools = [{
    name: 'test_simple_text',
    description: 'One text',
    inputSchema: schema(),
    call: () => says('a text'),
}, {
    name: 'test_image_content',
    description: 'One image',
    inputSchema: schema(),
    call: () => ({ content: [image] }),
}, {
    name: 'test_audio_content',
    description: 'One sound',
    inputSchema: schema(),
    call: () => ({
        content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }],
    }),
}, {
    name: 'test_embedded_resource',
    description: 'One resource',
    inputSchema: schema(),
    call: () => ({ content: [embedded('test://embedded', 'inside')] }),
}, {
    name: 'test_multiple_content_types',
    description: 'A text, an image and a resource',
    inputSchema: schema(),
    call: () => ({
        content: [text('several'), image,
                  embedded('test://mixed', '{"several": true}',
                           'application/json')],
    }),
}, {
    name: 'test_tool_with_logging',
    description: 'Logs three times',
    inputSchema: schema(),
    call: async (args, { log }) => {
        for (const step of ['started', 'working', 'done']) {
            await log(step);
        }

        return says('logged');
    },
}, {
    name: 'test_tool_with_progress',
    description: 'Reports progress three times',
    inputSchema: schema(),
    call: async (args, { progress }) => {
        for (const step of [0, 50, 100]) {
            await progress(step, 100);
        }

        return says('done');
    },
}, {
    name: 'test_error_handling',
    description: 'Fails',
    inputSchema: schema(),
    call: () => {
        throw new Error('it always fails');
    },
}, {
    name: 'json_schema_2020_12_tool',
    description: 'Has a schema with most of what JSON Schema has',
    inputSchema: dialect,
    call: (args) => says(JSON.stringify(args)),
}];


export const resources = [{
    uri: 'test://static-text',
    name: 'static-text',
    description: 'A text',
    mimeType: 'text/plain',
    content: { text: 'a text' },
}, {
    uri: 'test://static-binary',
    name: 'static-binary',
    description: 'An image',
    mimeType: 'image/png',
    content: { blob: png },
}, {
    uri: 'test://watched-resource',
    name: 'watched-resource',
    description: 'A text to subscribe to',
    mimeType: 'text/plain',
    content: { text: 'seen' },
}];


export const template = {
    uriTemplate: 'test://template/{id}/data',
    name: 'template',
    description: 'A document for each id',
    mimeType: 'application/json',
};


export function document(uri, id) {
    return { uri, mimeType: template.mimeType, text: JSON.stringify({ id }) };
}


function asked(...content) {
    return { messages: content.map((one) => ({ role: 'user',
                                               content: one })) };
}


function argument(name, description) {
    return { name, description, required: true };
}


export const prompts = [{
    name: 'test_simple_prompt',
    description: 'One text',
    arguments: [],
    get: () => asked(text('a prompt')),
}, {
    name: 'test_prompt_with_arguments',
    description: 'Repeats its arguments',
    arguments: [argument('arg1', 'The first one'),
                argument('arg2', 'The second one')],
    get: ({ arg1, arg2 }) => asked(text(`${arg1} and ${arg2}`)),
}, {
    name: 'test_prompt_with_embedded_resource',
    description: 'Has a resource in it',
    arguments: [argument('resourceUri', 'The URI of the resource')],
    get: ({ resourceUri }) => asked(embedded(resourceUri, 'inside'),
                                    text('read it')),
}, {
    name: 'test_prompt_with_image',
    description: 'Has an image in it',
    arguments: [],
    get: () => asked(image, text('look at it')),
}];


/* Words for an argument that begin with what was typed. */
export function complete(typed) {
    const values = ['tea', 'test', 'testing']
        .filter((word) => word.startsWith(typed));

    return { completion: { values, total: values.length, hasMore: false } };
}
