/*
 * YAML text to a tree of nodes, by way of libyaml's events.
 */

#include "mcp_yaml.h"
#include "mcp_set.h"
#include "mcp_text.h"

#include <yaml.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>


/*
 * libyaml compares every %TAG directive with all before it, which a file of
 * nothing else would turn into hours.
 */
#define MCP_YAML_TAG       "%TAG"
#define MCP_YAML_TAGS_MAX  16

/* Up to here duplicate keys are found by comparing, above by a set. */
#define MCP_YAML_FEW_KEYS  16


/* One open mapping or sequence; key: of the child that comes next. */
typedef struct {
    mcp_yaml_node_t   *node;
    mcp_yaml_node_t  **tail;
    mcp_str_t          key;
    uint32_t           key_line;
    uint32_t           key_column;
    bool               has_key;
    mcp_set_t          keys;
    mcp_yaml_node_t   *last_in_keys;
} mcp_yaml_frame_t;


/*
 * skip_nodes: how many nodes still are to be passed over, after a mistake;
 * skip_depth: collections open among them.
 */
typedef struct {
    mcp_arena_t       *arena;
    mcp_report_t      *report;
    const char        *file;
    const char        *text;
    size_t             len;
    mcp_yaml_node_t   *root;
    mcp_yaml_frame_t   frames[MCP_YAML_DEPTH_MAX];
    unsigned           depth;
    unsigned           documents;
    unsigned           errors;
    unsigned           skip_nodes;
    unsigned           skip_depth;
    bool               failed;
    bool               done;
} mcp_yaml_reader_t;


static bool mcp_yaml_has_many_tags(const char *text, size_t len);
static void mcp_yaml_break_off(mcp_yaml_node_t *node);
static void mcp_yaml_event(mcp_yaml_reader_t *reader,
    const yaml_event_t *event);
static void mcp_yaml_node(mcp_yaml_reader_t *reader,
    const yaml_event_t *event);
static void mcp_yaml_skip(mcp_yaml_reader_t *reader,
    const yaml_event_t *event);
static void mcp_yaml_key(mcp_yaml_reader_t *reader, mcp_yaml_frame_t *frame,
    const yaml_event_t *event);
static bool mcp_yaml_key_is_new(mcp_yaml_reader_t *reader,
    mcp_yaml_frame_t *frame, const mcp_str_t *key, const yaml_mark_t *mark);
static mcp_yaml_node_t *mcp_yaml_add(mcp_yaml_reader_t *reader,
    mcp_yaml_kind_e kind, const yaml_mark_t *mark);
static void mcp_yaml_open(mcp_yaml_reader_t *reader,
    mcp_yaml_node_t *node);
static void mcp_yaml_close(mcp_yaml_reader_t *reader);
static void mcp_yaml_properties(mcp_yaml_reader_t *reader,
    const yaml_event_t *event);
static bool mcp_yaml_copy(mcp_yaml_reader_t *reader, mcp_str_t *ret_text,
    const yaml_char_t *data, size_t len);
static void mcp_yaml_error(mcp_yaml_reader_t *reader,
    const yaml_mark_t *mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void mcp_yaml_problem(mcp_yaml_reader_t *reader,
    const yaml_parser_t *parser);
static void mcp_yaml_offset_mark(const mcp_yaml_reader_t *reader,
    size_t offset, yaml_mark_t *ret_mark);
static bool mcp_yaml_is_tab(const mcp_yaml_reader_t *reader,
    const yaml_mark_t *mark);


int
mcp_yaml_parse(mcp_arena_t *arena, const char *file, const char *text,
    size_t len, mcp_report_t *report, mcp_yaml_node_t **ret_root)
{
    yaml_event_t       event;
    yaml_parser_t      parser;
    mcp_yaml_reader_t  reader;

    memset(&reader, 0, sizeof(mcp_yaml_reader_t));

    reader.arena = arena;
    reader.report = report;
    reader.file = file;
    reader.text = text;
    reader.len = len;

    *ret_root = NULL;

    if (mcp_yaml_has_many_tags(text, len)) {
        mcp_yaml_error(&reader, NULL, "found more than %d times %s, expected "
                       "none", MCP_YAML_TAGS_MAX, MCP_YAML_TAG);
        return MCP_ERROR;
    }

    if (!yaml_parser_initialize(&parser)) {
        mcp_yaml_error(&reader, NULL, "found no memory to read the file");
        return MCP_ERROR;
    }

    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *) text, len);

    while (!reader.done && !reader.failed) {

        if (!yaml_parser_parse(&parser, &event)) {
            mcp_yaml_problem(&reader, &parser);
            reader.failed = true;
            break;
        }

        mcp_yaml_event(&reader, &event);
        yaml_event_delete(&event);
    }

    yaml_parser_delete(&parser);

    while (reader.depth) {
        mcp_yaml_close(&reader);
    }

    if (reader.failed) {
        mcp_yaml_break_off(reader.root);
    }

    *ret_root = reader.root;

    return reader.failed || reader.errors ? MCP_ERROR : MCP_OK;
}


static bool
mcp_yaml_has_many_tags(const char *text, size_t len)
{
    unsigned     count;
    const char  *p, *end;

    end = text + len;

    for (p = text, count = 0; count <= MCP_YAML_TAGS_MAX; count++) {
        p = memmem(p, (size_t) (end - p), MCP_YAML_TAG,
                   sizeof(MCP_YAML_TAG) - 1);
        if (p == NULL) {
            return false;
        }

        p += sizeof(MCP_YAML_TAG) - 1;
    }

    return true;
}


/*
 * The last node of each level may lack something, whether it was still open
 * or the mistake itself, such as a wrong indent, seemed to close it.
 */
static void
mcp_yaml_break_off(mcp_yaml_node_t *node)
{
    while (node) {
        node->partial = true;

        for (node = node->children; node && node->next; node = node->next) {
            /* void */
        }
    }
}


bool
mcp_yaml_is_null(const mcp_yaml_node_t *node)
{
    return node->kind == MCP_YAML_SCALAR && node->plain
           && (node->value.len == 0
               || mcp_text_equals(&node->value, "~")
               || mcp_text_equals(&node->value, "null")
               || mcp_text_equals(&node->value, "Null")
               || mcp_text_equals(&node->value, "NULL"));
}


static void
mcp_yaml_event(mcp_yaml_reader_t *reader, const yaml_event_t *event)
{
    switch (event->type) {

    case YAML_DOCUMENT_START_EVENT:

        if (reader->documents++) {
            mcp_yaml_error(reader, &event->start_mark,
                           "found a second document, expected one in a file");
            reader->failed = true;
        }

        return;

    case YAML_STREAM_END_EVENT:

        reader->done = true;
        return;

    case YAML_ALIAS_EVENT:
    case YAML_SCALAR_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:

        if (reader->depth + reader->skip_depth == MCP_YAML_DEPTH_MAX
            && event->type != YAML_ALIAS_EVENT
            && event->type != YAML_SCALAR_EVENT)
        {
            mcp_yaml_error(reader, &event->start_mark,
                           "found more than %d levels of lists and mappings "
                           "inside each other, expected at most %d",
                           MCP_YAML_DEPTH_MAX, MCP_YAML_DEPTH_MAX);
            reader->failed = true;
            return;
        }

        if (reader->skip_nodes) {
            mcp_yaml_skip(reader, event);
            return;
        }

        mcp_yaml_node(reader, event);
        return;

    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:

        if (reader->skip_nodes) {
            mcp_yaml_skip(reader, event);
            return;
        }

        mcp_yaml_close(reader);
        return;

    default:
        return;
    }
}


static void
mcp_yaml_node(mcp_yaml_reader_t *reader, const yaml_event_t *event)
{
    mcp_yaml_node_t   *node;
    mcp_yaml_frame_t  *frame;

    frame = reader->depth ? &reader->frames[reader->depth - 1] : NULL;

    if (frame && frame->node->kind == MCP_YAML_MAPPING && !frame->has_key) {
        mcp_yaml_key(reader, frame, event);
        return;
    }

    mcp_yaml_properties(reader, event);

    switch (event->type) {

    case YAML_ALIAS_EVENT:

        mcp_yaml_error(reader, &event->start_mark,
                       "found an alias (*), expected the value itself");
        (void) mcp_yaml_add(reader, MCP_YAML_BROKEN, &event->start_mark);
        return;

    case YAML_SCALAR_EVENT:

        node = mcp_yaml_add(reader, MCP_YAML_SCALAR, &event->start_mark);
        if (node == NULL) {
            return;
        }

        node->plain = (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);

        (void) mcp_yaml_copy(reader, &node->value, event->data.scalar.value,
                             event->data.scalar.length);
        return;

    case YAML_SEQUENCE_START_EVENT:

        node = mcp_yaml_add(reader, MCP_YAML_SEQUENCE, &event->start_mark);
        mcp_yaml_open(reader, node);
        return;

    default:

        node = mcp_yaml_add(reader, MCP_YAML_MAPPING, &event->start_mark);
        mcp_yaml_open(reader, node);
        return;
    }
}


static void
mcp_yaml_skip(mcp_yaml_reader_t *reader, const yaml_event_t *event)
{
    switch (event->type) {

    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:

        reader->skip_depth++;
        return;

    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:

        reader->skip_depth--;
        break;

    default:
        break;
    }

    if (reader->skip_depth == 0) {
        reader->skip_nodes--;
    }
}


static void
mcp_yaml_key(mcp_yaml_reader_t *reader, mcp_yaml_frame_t *frame,
    const yaml_event_t *event)
{
    mcp_str_t  key;

    if (event->type != YAML_SCALAR_EVENT) {
        mcp_yaml_error(reader, &event->start_mark,
                       "found %s as a key, expected a word",
                       event->type == YAML_ALIAS_EVENT ? "an alias (*)"
                       : event->type == YAML_MAPPING_START_EVENT
                         ? "a mapping" : "a list");

        /* the key itself and its value */

        reader->skip_nodes = 2;
        mcp_yaml_skip(reader, event);
        return;
    }

    key.data = (const char *) event->data.scalar.value;
    key.len = event->data.scalar.length;

    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
        && mcp_text_equals(&key, "<<"))
    {
        mcp_yaml_error(reader, &event->start_mark,
                       "found a merge key (<<), expected the keys themselves");
        reader->skip_nodes = 1;
        return;
    }

    mcp_yaml_properties(reader, event);

    if (!mcp_yaml_copy(reader, &frame->key, event->data.scalar.value,
                       event->data.scalar.length))
    {
        return;
    }

    if (!mcp_yaml_key_is_new(reader, frame, &frame->key, &event->start_mark))
    {
        reader->skip_nodes = 1;
        return;
    }

    frame->has_key = true;
    frame->key_line = (uint32_t) event->start_mark.line + 1;
    frame->key_column = (uint32_t) event->start_mark.column + 1;
}


static bool
mcp_yaml_key_is_new(mcp_yaml_reader_t *reader, mcp_yaml_frame_t *frame,
    const mcp_str_t *key, const yaml_mark_t *mark)
{
    char                    quoted[MCP_TEXT_QUOTE_LEN];
    const void             *first;
    mcp_yaml_node_t        *node;
    const mcp_yaml_node_t  *other;

    other = NULL;
    node = frame->node->children;

    if (frame->node->nchildren < MCP_YAML_FEW_KEYS) {

        for ( /* void */ ; node; node = node->next) {
            if (node->key.len == key->len
                && memcmp(node->key.data, key->data, key->len) == 0)
            {
                other = node;
                break;
            }
        }

    } else {

        /* the set lags behind the list, and catches up here */

        if (frame->last_in_keys) {
            node = frame->last_in_keys->next;
        }

        for ( /* void */ ; node; node = node->next) {
            if (mcp_set_add(&frame->keys, node->key.data, node->key.len,
                            node, &first)
                != MCP_OK)
            {
                reader->failed = true;
                return false;
            }

            frame->last_in_keys = node;
        }

        other = mcp_set_find(&frame->keys, key->data, key->len);
    }

    if (other == NULL) {
        return true;
    }

    mcp_yaml_error(reader, mark,
                   "found %s again, expected it once: it stands in line %u "
                   "already", mcp_text_quote(key, quoted), other->key_line);

    return false;
}


static mcp_yaml_node_t *
mcp_yaml_add(mcp_yaml_reader_t *reader, mcp_yaml_kind_e kind,
    const yaml_mark_t *mark)
{
    mcp_yaml_node_t   *node;
    mcp_yaml_frame_t  *frame;

    node = mcp_arena_alloc(reader->arena, sizeof(mcp_yaml_node_t));
    if (node == NULL) {
        mcp_yaml_error(reader, mark, "found no memory to read the file");
        reader->failed = true;
        return NULL;
    }

    node->kind = kind;
    node->line = (uint32_t) mark->line + 1;
    node->column = (uint32_t) mark->column + 1;

    if (reader->depth == 0) {
        reader->root = node;
        return node;
    }

    frame = &reader->frames[reader->depth - 1];

    if (frame->has_key) {
        node->key = frame->key;
        node->key_line = frame->key_line;
        node->key_column = frame->key_column;
        frame->has_key = false;
    }

    *frame->tail = node;
    frame->tail = &node->next;
    frame->node->nchildren++;

    return node;
}


static void
mcp_yaml_open(mcp_yaml_reader_t *reader, mcp_yaml_node_t *node)
{
    mcp_yaml_frame_t  *frame;

    if (node == NULL) {
        return;
    }

    frame = &reader->frames[reader->depth++];

    memset(frame, 0, sizeof(mcp_yaml_frame_t));
    frame->node = node;
    frame->tail = &node->children;
}


static void
mcp_yaml_close(mcp_yaml_reader_t *reader)
{
    mcp_set_free(&reader->frames[--reader->depth].keys);
}


static void
mcp_yaml_properties(mcp_yaml_reader_t *reader, const yaml_event_t *event)
{
    const yaml_char_t  *anchor, *tag;

    switch (event->type) {

    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;

    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;

    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;

    default:
        return;
    }

    if (anchor) {
        mcp_yaml_error(reader, &event->start_mark,
                       "found an anchor (&), expected the value alone");
    }

    if (tag) {
        mcp_yaml_error(reader, &event->start_mark,
                       "found a tag (!), expected the value alone");
    }
}


static bool
mcp_yaml_copy(mcp_yaml_reader_t *reader, mcp_str_t *ret_text,
    const yaml_char_t *data, size_t len)
{
    ret_text->data = mcp_arena_strdup(reader->arena, (const char *) data,
                                      len);
    if (ret_text->data == NULL) {
        mcp_yaml_error(reader, NULL, "found no memory to read the file");
        reader->failed = true;
        return false;
    }

    ret_text->len = len;

    return true;
}


/* mark: NULL stands for the start of the file. */
static void
mcp_yaml_error(mcp_yaml_reader_t *reader, const yaml_mark_t *mark,
    const char *fmt, ...)
{
    char        text[512];
    va_list     args;
    mcp_mark_t  place;

    place.file = reader->file;
    place.line = mark ? (uint32_t) mark->line + 1 : 1;
    place.column = mark ? (uint32_t) mark->column + 1 : 1;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    mcp_report_add(reader->report, MCP_REPORT_ERROR, &place, "%s", text);

    if (++reader->errors == MCP_YAML_ERRORS_MAX) {
        mcp_report_add(reader->report, MCP_REPORT_ERROR, &place,
                       "found %d mistakes up to here, expected fewer: the "
                       "rest of the file was not read", MCP_YAML_ERRORS_MAX);
        reader->failed = true;
    }
}


/* libyaml's own complaint; its texts are constants, nothing of the file */
static void
mcp_yaml_problem(mcp_yaml_reader_t *reader, const yaml_parser_t *parser)
{
    yaml_mark_t  mark;

    switch (parser->error) {

    case YAML_MEMORY_ERROR:

        mcp_yaml_error(reader, NULL, "found no memory to read the file");
        return;

    case YAML_READER_ERROR:

        mcp_yaml_offset_mark(reader, parser->problem_offset, &mark);
        mcp_yaml_error(reader, &mark, "found bytes that are no text (%s), "
                       "expected UTF-8 without control characters",
                       parser->problem);
        return;

    default:
        break;
    }

    mark = parser->problem_mark;

    if (mcp_yaml_is_tab(reader, &mark)) {
        mcp_yaml_error(reader, &mark,
                       "found a tab, expected spaces before the text of a "
                       "line");
        return;
    }

    if (parser->context) {
        mcp_yaml_error(reader, &mark,
                       "found broken YAML (%s, %s that began in line %zu), "
                       "expected the file to be valid to its end",
                       parser->problem, parser->context,
                       parser->context_mark.line + 1);
        return;
    }

    mcp_yaml_error(reader, &mark, "found broken YAML (%s), expected the file "
                   "to be valid to its end", parser->problem);
}


static void
mcp_yaml_offset_mark(const mcp_yaml_reader_t *reader, size_t offset,
    yaml_mark_t *ret_mark)
{
    size_t  i;

    memset(ret_mark, 0, sizeof(yaml_mark_t));

    for (i = 0; i < offset && i < reader->len; i++) {

        if (reader->text[i] == '\n') {
            ret_mark->line++;
            ret_mark->column = 0;

        } else if (((unsigned char) reader->text[i] & 0xc0) != 0x80) {
            ret_mark->column++;
        }
    }
}


/* Whether a tab stands at the mark; lines of ASCII only, else it says no. */
static bool
mcp_yaml_is_tab(const mcp_yaml_reader_t *reader, const yaml_mark_t *mark)
{
    size_t       line;
    const char  *p, *end;

    p = reader->text;
    end = p + reader->len;

    for (line = 0; line < mark->line; line++) {
        p = memchr(p, '\n', (size_t) (end - p));
        if (p == NULL) {
            return false;
        }

        p++;
    }

    return mark->column < (size_t) (end - p) && p[mark->column] == '\t'
           && memchr(p, '\n', mark->column) == NULL;
}
