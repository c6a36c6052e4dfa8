/*
 * What a server on Node sees in a body, with JSON.parse(), and what in it
 * another server might see otherwise.
 */

import { isUtf8 } from 'node:buffer';

const VERSION = 'io.modelcontextprotocol/protocolVersion';

/* Bytes; how much of each is told. */
const MAX = { taskId: 1024, type: 64, name: 1024, uri: 4096 };

const MAX_URIS = 256;
const MAX_URI_BYTES = 32768;

const MAX_DEPTH = 128;
const MAX_NUMBER = 1000;

/* The keys that are read, by what they are in, and the objects below. */
const READ = {
    message: ['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
    params: ['name', 'uri', 'taskId', '_meta', 'ref', 'notifications'],
    _meta: [VERSION],
    ref: ['type', 'name', 'uri'],
    notifications: ['resourceSubscriptions', 'taskIds'],
};

const BELOW = {
    message: ['params'],
    params: ['_meta', 'ref', 'notifications'],
};

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;


/*
 * {value, error}: error, when the body must be refused: "not-json", "twice" for
 * a key that is read and there twice, or "case" for one that a reader that does
 * not mind the case of letters, or ends it at a NUL, would read.
 */
export function look(body) {
    let value;

    if (!isUtf8(body)) {
        return { error: 'not-json' };
    }

    const text = body.toString();

    try {
        value = JSON.parse(text);

    } catch {
        return { error: 'not-json' };
    }

    return { value, error: judge(text) };
}


/*
 * JSON.parse() keeps the last of two keys, takes surrogates that are alone,
 * makes Infinity of a number and goes as deep as there is stack.  The text is
 * known to be JSON, so that its tokens say all.
 */
function judge(text) {
    const within = [];
    let error = null;
    let key = null;
    let isKey = false;

    for (const [token] of text.matchAll(TOKEN)) {
        const here = within.at(-1);

        switch (token) {

        case '{':
        case '[':
            within.push(container(token, here, key));

            if (within.length > MAX_DEPTH) {
                return 'not-json';
            }

            isKey = token === '{';
            break;

        case '}':
        case ']':
            within.pop();
            break;

        case ',':
            isKey = here.isObject;
            break;

        case ':':
            break;

        default:

            if (token[0] !== '"') {
                if (/^[-\d]/.test(token) && (token.length > MAX_NUMBER
                                             || !Number.isFinite(+token)))
                {
                    return 'not-json';
                }

                break;
            }

            if (!token.includes('\\') && !isKey) {
                break;
            }

            const string = JSON.parse(token);

            if (!string.isWellFormed()) {
                return 'not-json';
            }

            if (isKey) {
                isKey = false;
                key = string;

                if (READ[here.what]?.includes(key)) {
                    error = here.keys.has(key) ? 'twice' : error;
                    here.keys.add(key);

                } else if (READ[here.what]?.some(
                               (read) => fold(read) === fold(key)))
                {
                    error = 'case';
                }
            }
        }
    }

    return error;
}


/* Two of these are no ASCII letters when they are made small. */
function fold(key) {
    return key.split('\0')[0].replace(/[\u0130\u0131]/g, 'i')
              .replaceAll('\u017f', 's').toLowerCase();
}


function container(token, parent, key) {
    const isObject = token === '{';
    let what = null;

    if (!parent) {
        what = isObject ? 'message' : 'batch';

    } else if (isObject && parent.what === 'batch') {
        what = 'message';

    } else if (isObject && BELOW[parent.what]?.includes(key)) {
        what = key;
    }

    return { isObject, what, keys: new Set() };
}


/* What the scanner should tell of a message, but for the id as it stands. */
export function tell(message) {
    const own = (object, key) =>
        object !== null && typeof object === 'object' && !Array.isArray(object)
        && Object.hasOwn(object, key) ? object[key] : undefined;
    const params = own(message, 'params');
    const ref = own(params, 'ref');
    const kind = own(message, 'method') === undefined ? 'response'
                 : own(message, 'id') === undefined ? 'notification'
                 : 'request';

    return {
        kind,
        id: own(message, 'id'),
        strings: [
            own(message, 'method'), own(params, 'name'), own(params, 'uri'),
            own(own(params, '_meta'), VERSION),
            readable(own(params, 'taskId'), MAX.taskId),
            readable(own(ref, 'type'), MAX.type),
            readable(own(ref, 'name'), MAX.name),
            readable(own(ref, 'uri'), MAX.uri),
        ],
        ...subscriptions(params, own),
        tasks: tasks(params, own),
    };
}


function readable(value, max) {
    return typeof value === 'string' && Buffer.byteLength(value) <= max
           && !value.includes('\0') ? value : undefined;
}


function isObject(value) {
    return value !== null && typeof value === 'object'
           && !Array.isArray(value);
}


/* Whether there are any, or what should be there is something else. */
function tasks(params, own) {
    const notifications = own(params, 'notifications');
    const list = own(notifications, 'taskIds');

    return (params !== undefined && !isObject(params))
           || (notifications !== undefined && !isObject(notifications))
           || (list !== undefined
               && !(Array.isArray(list) && list.length === 0));
}


function subscriptions(params, own) {
    const uris = [];
    const some = { all: false, uris };
    let room = MAX_URI_BYTES;

    if (params !== undefined && !isObject(params)) {
        return some;
    }

    const notifications = own(params, 'notifications');

    if (notifications !== undefined && !isObject(notifications)) {
        return some;
    }

    const list = own(notifications, 'resourceSubscriptions');

    if (list === undefined) {
        return { all: true, uris };
    }

    if (!Array.isArray(list)) {
        return some;
    }

    for (const uri of list) {
        if (readable(uri, MAX.uri) === undefined || uris.length === MAX_URIS
            || Buffer.byteLength(uri) >= room)
        {
            return some;
        }

        room -= Buffer.byteLength(uri) + 1;
        uris.push(uri);
    }

    return { all: true, uris };
}
